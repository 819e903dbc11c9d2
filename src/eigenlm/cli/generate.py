"""`eigenlm generate`."""

import sys
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Compute, Control, MaxTokens, Model, SamplingOptions, tell_of_control_tokens
from eigenlm.cli.output import print_json
from eigenlm.terminal import say_piece


@dataclass(frozen=True)
class GenerateCommand(Command):
    """Continue a prompt, printing the text as it comes."""

    model: Model
    prompt: Annotated[str, tyro.conf.arg(aliases=["-p"])]
    """The text to continue; - reads it from standard input."""
    max_tokens: MaxTokens = 128
    """The most new tokens."""
    stop: tuple[str, ...] = ()
    """Strings that end the text; they are not printed."""
    control: Control = False
    choice: SamplingOptions = field(default_factory=SamplingOptions)
    compute: Compute = field(default_factory=Compute)

    def run(self) -> None:
        """Stream the continuation to standard output."""
        from eigenlm.engine.room import continuing

        prompt = sys.stdin.read() if self.prompt == "-" else self.prompt
        lm = self.compute.load(self.model, continuing(prompt, self.max_tokens))
        if not self.control:
            tell_of_control_tokens(lm, prompt)
        options: dict[str, Any] = {"max_tokens": self.max_tokens, "stop": self.stop, "control": self.control}
        with lm.session() as session:
            slot = session.admit(prompt, sampling=self.choice.sampling(), **options)
            text = ""
            for _, piece in session:
                text += piece
                if not self.json:
                    say_piece(piece)
        if self.json:
            ending = session.endings[slot]
            told = {"tokens": ending.tokens, "ended": ending.reason, "model": lm.name, "prompt": prompt}
            print_json({"text": text, **told, "options": options | vars(self.choice)})
        else:
            print()
