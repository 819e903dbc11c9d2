"""`eigenlm perplexity`."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from eigenlm.allowed import check_cache, check_scored
from eigenlm.cli.command import Command
from eigenlm.cli.options import Cache, Compute, Control, Model, Text, beginning_of, tell_of_control_tokens
from eigenlm.cli.output import print_facts, print_json
from eigenlm.errors import counted


@dataclass(frozen=True)
class PerplexityCommand(Command):
    """How well a model expects a text: nats a token, perplexity, bits a byte."""

    model: Model
    text: Text
    window: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Tokens the model sees at once, 1,024 or its context by default; none is added, and the first is not scored."""
    stride: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Tokens from one window's start to the next; as many as the window holds by default."""
    control: Control = False
    cache: Cache = "float"
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse windows that cannot be scored in, and unknown forms."""
        check_cache(self.cache)
        check_scored(1024 if self.window is None else self.window, self.stride)

    def run(self) -> None:
        """Score the text and print."""
        from eigenlm.engine.room import scoring
        from eigenlm.tasks import perplexity

        beginning = beginning_of(self.text)
        lm = self.compute.load(self.model, scoring(self.window))
        lm.cache = self.cache
        if not self.control:
            tell_of_control_tokens(lm, beginning)
        window = min(1024, lm.config.context_length) if self.window is None else self.window
        result = perplexity(lm, self.text, window=window, stride=self.stride, control=self.control)
        figures = {
            "nll": result.nll,
            "perplexity": result.perplexity,
            "bits_per_byte": result.bits_per_byte,
            "tokens": result.tokens,
            "num_bytes": result.num_bytes,
            "window": result.window,
            "stride": result.stride,
        }
        if self.json:
            print_json(figures)
        else:
            scored = f"{counted(result.tokens, 'token')} in windows of {result.window:,}"
            print_facts(
                [
                    ("perplexity", f"{result.perplexity:.3f}"),
                    ("loss", f"{result.nll:.4f} nats a token"),
                    ("", f"{result.bits_per_byte:.4f} bits a byte"),
                    ("scored", scored),
                ]
            )
