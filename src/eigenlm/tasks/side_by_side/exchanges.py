"""The same prompts answered by two models, and where their answers part."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from eigenlm.engine import Sampling, generate
from eigenlm.language_model import LanguageModel
from eigenlm.progress import track
from eigenlm.shown import Shown
from eigenlm.text import Tokenizer

MOST_TOKENS = 48
"""New tokens of an answer, at most."""
# A question for models that chat, and a beginning for those that only continue.
_PROMPTS = {
    "What is gravity? Answer in one short sentence.": "Gravity is",
    "Name the three primary colours.": "The three primary colours are",
    "What is 17 + 25?": "17 + 25 =",
    "Translate into French: The book is on the table.": 'In French, "The book is on the table" is',
    "Write a Python function that reverses a list.": "def reversed_list(items):",
}


@dataclass(frozen=True, kw_only=True)
class Reply(Shown):
    """What one of two models answers, in three parts.

    Attributes:
        same: what the other says as well.
        parting: the token where they part; empty where this answer ends there, or where they never part.
        rest: what follows.
        num_tokens: of all three.
    """

    same: str
    parting: str
    rest: str
    num_tokens: int

    @property
    def text(self) -> str:
        """The whole answer."""
        return self.same + self.parting + self.rest


@dataclass(frozen=True, kw_only=True)
class TwoAnswers(Shown):
    """A prompt and both answers, the likeliest token taken at each step.

    Attributes:
        prompt: the question, or the text to continue.
        before: the first model's answer.
        after: the second's.
        parting: the number, from 1, of the first token in which they differ; None where they are the same.
    """

    prompt: str
    before: Reply
    after: Reply
    parting: int | None


def exchanges(
    before: LanguageModel, after: LanguageModel, prompts: Sequence[str] | None = None
) -> tuple[TwoAnswers, ...]:
    """Have two models answer, as chats where the first has a chat template and the second has one too.

    Args:
        before: a decoder that predicts tokens.
        after: another with the same tokenizer.
        prompts: what to ask; five small questions, or beginnings of texts, by default.

    Raises:
        DataError: an empty prompt.
        ShapeError: a prompt that fills the context.
    """
    template = None if after.chat_template is None else before.chat_template
    if prompts is None:
        prompts = list(_PROMPTS.values() if template is None else _PROMPTS)
    read = [
        before.tokenizer.encode(prompt, add_markers=True)
        if template is None
        else template.encode([{"role": "user", "content": prompt}], before.tokenizer)
        for prompt in prompts
    ]
    first, second = (_answers(lm, read) for lm in track((before, after), "answering"))
    return tuple(_exchange(prompt, p, q, before.tokenizer) for prompt, p, q in zip(prompts, first, second))


def _answers(lm: LanguageModel, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """The new tokens of each prompt, all continued side by side."""
    answers: list[list[int]] = [[] for _ in prompts]
    options: dict[str, Any] = {"sampling": Sampling(never=lm.generation.never), "stop_tokens": lm.stop_tokens}
    for step in generate(lm.runner, prompts, max_tokens=MOST_TOKENS, **options):
        for answer, token in zip(answers, step):
            answer += [] if token is None else [token]
    return answers


def _exchange(prompt: str, before: Sequence[int], after: Sequence[int], tokenizer: Tokenizer) -> TwoAnswers:
    alike = _shared(before, after)
    parts = alike < max(len(before), len(after))
    first, second = (_reply(answer, alike, tokenizer) for answer in (before, after))
    return TwoAnswers(prompt=prompt, before=first, after=second, parting=alike + 1 if parts else None)


def _reply(answer: Sequence[int], alike: int, tokenizer: Tokenizer) -> Reply:
    """An answer cut before and after the token at `alike`; of a character that several tokens make, before it."""
    whole = tokenizer.decode(answer)
    same, with_next = (
        _shared(whole, tokenizer.decode(answer[:count]).rstrip("\N{REPLACEMENT CHARACTER}"))
        for count in (alike, alike + 1)
    )
    end = max(with_next, min(same + 1, len(whole))) if alike < len(answer) else len(whole)
    same = same if alike < len(answer) else end
    return Reply(same=whole[:same], parting=whole[same:end], rest=whole[end:], num_tokens=len(answer))


def _shared(one: Sequence[object], other: Sequence[object]) -> int:
    """How many of the first entries are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))
