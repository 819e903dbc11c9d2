"""`eigenlm generate`."""

from dataclasses import dataclass, field

from eigenlm.cli.options import Compute, Model, SamplingOptions
from eigenlm.terminal import say_piece


@dataclass(frozen=True)
class GenerateCommand:
    """Continue a prompt, printing the text as it comes."""

    model: Model
    prompt: str
    """The text to continue."""
    max_tokens: int = 128
    """The most new tokens."""
    stop: tuple[str, ...] = ()
    """Strings that end the text; they are not printed."""
    choice: SamplingOptions = field(default_factory=SamplingOptions)
    compute: Compute = field(default_factory=Compute)

    def run(self) -> None:
        """Stream the continuation to standard output."""
        lm = self.compute.load(self.model)
        pieces = lm.stream(self.prompt, max_tokens=self.max_tokens, sampling=self.choice.sampling(), stop=self.stop)
        for piece in pieces:
            say_piece(piece)
        print()
