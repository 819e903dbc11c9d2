"""`eigenlm chat`."""

import sys
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.allowed import check_cache
from eigenlm.cli.boundary import one_line
from eigenlm.cli.chat.answer_text import AnswerText
from eigenlm.cli.chat.conversation import Conversation, check_length
from eigenlm.cli.chat.keyboard import Keyboard
from eigenlm.cli.chat.said import Said, next_said
from eigenlm.cli.chat.slash_commands import obey
from eigenlm.cli.command import Command
from eigenlm.cli.options import Cache, Compute, MaxTokens, Model, SamplingOptions
from eigenlm.errors import ConfigError, ShapeError, explain
from eigenlm.terminal import tell

if TYPE_CHECKING:
    from eigenlm.language_model import LanguageModel


@dataclass(frozen=True)
class ChatCommand(Command):
    """Talk with a model; it remembers the conversation until /bye or the end of the input. /? lists the commands."""

    model: Model
    max_tokens: MaxTokens = 512
    """The most tokens of an answer."""
    system: Annotated[str, tyro.conf.arg(aliases=["-s"])] = ""
    """What the model is told before the conversation; its template may have words of its own."""
    cache: Cache = "float"
    choice: SamplingOptions = field(
        default_factory=lambda: SamplingOptions(temperature=0.7, top_p=0.9, repetition_penalty=1.1)
    )
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse answers without a token, and unknown forms."""
        check_cache(self.cache)
        check_length(self.max_tokens)

    def run(self) -> None:
        """Answer what is typed at a terminal, or each line of another standard input."""
        if not (sys.stdin.isatty() and (sys.stderr.isatty() or sys.stdout.isatty())):
            _answer_all(self._conversation())
            return
        with Keyboard() as keyboard:
            tell(f"{self.model}: loading")
            conversation = self._conversation()
            tell(f"Context of {conversation.context:,} tokens. /? lists the commands; Ctrl-C stops an answer.")
            with redirect_stderr(sys.__stderr__ if self.quiet else sys.stderr):  # commands are answered all the same
                _talk(conversation, keyboard)

    def _conversation(self) -> Conversation:
        conversation = Conversation(AnswerText(), system=self.system, json=self.json)
        conversation.set_options({"max_tokens": self.max_tokens, **vars(self.choice)})
        conversation.lm = self._load()
        return conversation

    def _load(self) -> "LanguageModel":
        """The model, refused before its weights are read where it does not chat."""
        from eigenlm.checkpoint import open_model
        from eigenlm.engine.room import continuing

        opened = open_model(self.model, self.compute.adapter)
        if opened.config.kind == "encoder" or opened.config.head is None:
            got = "an encoder" if opened.config.kind == "encoder" else "one without a head over the vocabulary"
            raise ShapeError(explain("chat", expected="a model that predicts tokens", got=got, do="use analyze"))
        if opened.chat_template is None:
            raise ConfigError(explain("chat", expected="a model with a chat template", got="none", do="use generate"))
        lm = self.compute.load(self.model, continuing(self.system, self.max_tokens, self.cache))
        lm.cache = self.cache
        return lm


def _answer_all(conversation: Conversation) -> None:
    """Answer each line or block of standard input; the first that cannot be answered ends it."""

    def line(_: str) -> str:
        if not (text := sys.stdin.readline()):
            raise EOFError
        return text.removesuffix("\n")

    with suppress(EOFError):
        while True:
            _answer(conversation, next_said(line))


def _talk(conversation: Conversation, keyboard: Keyboard) -> None:
    """Answer what is typed until a farewell; neither Ctrl-C nor what cannot be done loses the conversation."""
    leaving = False
    while True:
        try:
            said = next_said(keyboard.line)
            leaving = False
            with keyboard.one_interrupt():
                _answer(conversation, said)
        except EOFError:
            return
        except KeyboardInterrupt:
            if keyboard.unfinished is None:
                tell("[stopped; the conversation goes on]")
            elif keyboard.unfinished:
                leaving = False
            elif leaving:
                return
            else:
                leaving = True
                tell("Ctrl-C again, Ctrl-D or /bye leaves.")
        except Exception as error:  # whatever it was, the conversation is as before
            tell(f"eigenlm: {one_line(error)}")


def _answer(conversation: Conversation, said: Said) -> None:
    if said.command:
        obey(conversation, said)
    elif said.text.strip():
        conversation.ask(said.text)
