"""`eigenlm generate`."""

import sys
from dataclasses import dataclass, field
from typing import Any

from eigenlm.cli.options import Compute, Control, Model, SamplingOptions, tell_of_control_tokens
from eigenlm.terminal import say_piece


@dataclass(frozen=True)
class GenerateCommand:
    """Continue a prompt, printing the text as it comes."""

    model: Model
    prompt: str
    """The text to continue; - reads it from standard input."""
    max_tokens: int = 128
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
        pieces = lm.stream(prompt, sampling=self.choice.sampling(), **options)
        for piece in pieces:
            say_piece(piece)
        print()
