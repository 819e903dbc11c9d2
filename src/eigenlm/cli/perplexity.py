"""`eigenlm perplexity`."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from eigenlm.cli.options import Compute, Json, Model, Text, read_text
from eigenlm.cli.output import print_json


@dataclass(frozen=True)
class Perplexity:
    """How well a model predicts a text: nats a token, perplexity, bits a byte."""

    model: Model
    text: Text = None
    window: int = 1024
    """Tokens the model sees at once; none is added, and the first of a window is not scored."""
    stride: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Tokens from one window's start to the next; as many as the window by default."""
    json: Json = False
    compute: Compute = field(default_factory=Compute)

    def run(self) -> None:
        """Measure and print."""
        import eigenlm

        text = "\n\n".join(read_text(self.text))
        result = eigenlm.perplexity(self.compute.load(self.model), text, window=self.window, stride=self.stride)
        if self.json:
            print_json(result)
        else:
            print(f"{result.perplexity:.3f} perplexity, {result.nll:.4f} nats a token over {result.tokens:,} tokens,")
            print(f"{result.bits_per_byte:.4f} bits a byte")
