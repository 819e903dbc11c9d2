"""`eigenlm generate`."""

import sys
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro

from eigenlm.allowed import check_cache
from eigenlm.cli.command import Command
from eigenlm.cli.early import STREAM
from eigenlm.cli.options import Cache, Compute, Control, MaxTokens, Model, SamplingOptions, tell_of_control_tokens
from eigenlm.cli.output import print_json
from eigenlm.errors import ConfigError, explain
from eigenlm.terminal import say_piece


@dataclass(frozen=True)
class GenerateCommand(Command):
    """Continue a prompt, printing the text as it comes."""

    model: Model
    prompt: Annotated[str | None, tyro.conf.arg(metavar="TEXT", aliases=["-p"])] = None
    """The text to continue; by default, or as -, what comes on standard input."""
    max_tokens: MaxTokens = 128
    """The most new tokens."""
    stop: tuple[str, ...] = ()
    """Strings that end the text; they are not printed."""
    control: Control = False
    cache: Cache = "float"
    choice: SamplingOptions = field(default_factory=SamplingOptions)
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse to wait for a prompt that nobody said to type, and unknown forms."""
        check_cache(self.cache)
        if self.prompt is None and sys.stdin.isatty():
            do = "add --prompt TEXT, or pipe it in"
            raise ConfigError(explain("generate", expected="a prompt", got="none", do=do))

    def run(self) -> None:
        """Stream the continuation to standard output."""
        from eigenlm.engine.room import continuing

        prompt = sys.stdin.read().removesuffix("\n") if self.prompt in (None, STREAM) else self.prompt
        lm = self.compute.load(self.model, continuing(prompt, self.max_tokens, self.cache))
        lm.cache = self.cache
        if not self.control:
            tell_of_control_tokens(lm, prompt)
        options: dict[str, Any] = {"max_tokens": self.max_tokens, "stop": self.stop, "control": self.control}
        with lm.session() as session:
            slot = session.admit(prompt, sampling=self.choice.sampling(), **options)
            text = ""
            try:
                for _, piece in session:
                    text += piece
                    if not self.json:
                        say_piece(piece)
            except BaseException:
                if text and not self.json:
                    print()  # what is told next begins on a line of its own
                raise
        if self.json:
            ending = session.endings[slot]
            told = {"tokens": ending.tokens, "ended": ending.reason, "model": lm.name, "prompt": prompt}
            print_json({"text": text, **told, "options": options | vars(self.choice)})
        else:
            print()
