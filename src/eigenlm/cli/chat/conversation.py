"""What was said so far, and what of it the model reads."""

import sys
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from eigenlm.cli.chat.answer_text import AnswerText
from eigenlm.cli.options import SamplingOptions
from eigenlm.cli.output import print_json
from eigenlm.errors import ConfigError, DataError, ShapeError, explain, nearest
from eigenlm.terminal import tell

if TYPE_CHECKING:
    from eigenlm.language_model import LanguageModel

_FRACTIONS = ("temperature", "top_p", "min_p", "repetition_penalty")  # the other options are whole numbers


@dataclass
class Exchange:
    """A question and its answer, which may have been cut."""

    question: str
    answer: str = ""
    cut: bool = False


class Conversation:
    """Questions and answers; whatever fails or is stopped, what was said before stays.

    Args:
        text: what writes answers.
        system: what the model is told before.
        json: each answer is one JSON object, printed when it is whole.

    Attributes:
        lm: the model that answers.
        exchanges: questions and answers, the oldest first.
    """

    lm: "LanguageModel"

    def __init__(self, text: AnswerText, *, system: str = "", json: bool = False) -> None:
        self.system, self._json = system, json
        self.max_tokens, self.choice = 512, SamplingOptions()
        self.exchanges: list[Exchange] = []
        self._text = text
        self._first = 0  # exchanges before it are no longer read

    @property
    def context(self) -> int:
        """Tokens that the model can read and write."""
        return self.lm.config.context_length

    @property
    def options(self) -> dict[str, Any]:
        """How answers are chosen, by name."""
        return {"max_tokens": self.max_tokens, **asdict(self.choice)}

    def set_options(self, changes: Mapping[str, object]) -> None:
        """Change some of the options, or none of them.

        Raises:
            ConfigError: an unknown option, or a value that does not serve.
        """
        options = self.options
        for name, value in changes.items():
            if name not in options:
                raise ConfigError(nearest("/set", name, list(options)))
            options[name] = _number(name, value)
        max_tokens = options.pop("max_tokens")
        check_length(max_tokens)
        choice = SamplingOptions(**options)
        choice.sampling()
        self.max_tokens, self.choice = max_tokens, choice

    def start(self, exchanges: list[Exchange]) -> None:
        """Go on from these."""
        self.exchanges, self._first = exchanges, 0

    def ask(self, question: str) -> None:
        """Write the model's answer, and keep it; a stopped one as far as it came.

        Raises:
            ShapeError: the question does not fit into the context.
        """
        messages, tokens = self._read(question)
        pieces = iter(self.lm.stream_chat(messages, max_tokens=self.max_tokens, sampling=self.choice.sampling()))
        exchange = Exchange(question, cut=True)
        self.exchanges.append(exchange)
        try:
            exchange.cut = self._write(pieces, exchange)
        except Exception:
            self.exchanges.pop()
            raise
        finally:
            if not self._json:
                self._text.finish()
        if self._json:
            ended = "length" if exchange.cut else "end"
            told = {"text": exchange.answer, "ended": ended, "model": self.lm.name, "question": question}
            print_json(told | {"options": self.options})
        if exchange.cut and sys.stdin.isatty():
            full = tokens + self.max_tokens > self.context
            where = f"where the context of {self.context:,}" if full else f"after {self.max_tokens:,}"
            do = "/clear" if full else f"/set max_tokens {2 * self.max_tokens} and /regenerate"
            tell(f"[cut {where} tokens{' is full' * full}; ask it to go on, or {do}]")

    def ask_again(self) -> None:
        """Write another answer to the last question in the place of the last answer.

        Raises:
            DataError: nothing was asked.
        """
        if not self.exchanges:
            raise DataError(explain("/regenerate", expected="a question before it", got="none"))
        last = self.exchanges.pop()
        before = len(self.exchanges)
        try:
            self.ask(last.question)
        finally:
            if len(self.exchanges) == before:
                self.exchanges.append(last)

    def _write(self, pieces: Iterator[str], exchange: Exchange) -> bool:
        """Write an answer and note it; whether it was cut, which is what the pieces give at their end."""
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                return bool(end.value)
            exchange.answer += piece
            if not self._json:
                self._text.push(piece)

    def _read(self, question: str) -> tuple[list[dict[str, str]], int]:
        """The messages for the model and their tokens; the oldest exchanges are left out where there is no room."""
        self._first = min(self._first, len(self.exchanges))
        alone = self._count(len(self.exchanges), question)
        if alone >= self.context:
            do = "shorten it" + (", or the system message" if self.system else "")
            raise ShapeError(explain("the message", expected=f"fewer than {self.context} tokens", got=alone, do=do))
        room = min(self.max_tokens, self.context // 4, self.context - alone)
        beginnings = range(self._first, len(self.exchanges) + 1)
        found = bisect_left(beginnings, True, key=lambda first: self._count(first, question) + room <= self.context)
        if found:
            what = "exchange is" if found == 1 else f"{found} exchanges are"
            full = f"the conversation is full ({self.context:,} tokens)"
            tell(f"eigenlm: {full}: the oldest {what} no longer read; /clear starts anew")
        self._first = beginnings[found]
        return self._messages(self._first, question), self._count(self._first, question)

    def _messages(self, first: int, question: str) -> list[dict[str, str]]:
        said = [("system", self.system)] if self.system else []
        for exchange in self.exchanges[first:]:
            said += [("user", exchange.question), ("assistant", exchange.answer)]
        return [{"role": role, "content": content} for role, content in [*said, ("user", question)]]

    def _count(self, first: int, question: str) -> int:
        template = self.lm.chat_template
        assert template is not None  # or the model had been refused
        return len(template.encode(self._messages(first, question), self.lm.tokenizer))


def check_length(max_tokens: int) -> None:
    """Refuse answers without a token.

    Raises:
        ConfigError: fewer than one.
    """
    if max_tokens < 1:
        raise ConfigError(explain("max_tokens", expected="1 or more", got=max_tokens))


def _number(name: str, value: object) -> float | int | None:
    """An option's value as its number; that of the seed may be none."""
    if name == "seed" and str(value).lower() == "none":
        return None
    kind = float if name in _FRACTIONS else int
    try:
        return kind(str(value))
    except ValueError as error:
        expected = "a number" if kind is float else "a whole number"
        raise ConfigError(explain(name, expected=expected, got=repr(str(value)))) from error
