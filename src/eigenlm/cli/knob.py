"""`eigenlm knob`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eigenlm.cli.command import Command
from eigenlm.cli.options import Calibration, Compute, Model, Out
from eigenlm.cli.output import print_json, print_table, warn_of
from eigenlm.files import check_new
from eigenlm.terminal import say

if TYPE_CHECKING:
    from eigenlm.compression import Knob


@dataclass(frozen=True)
class KnobCommand(Command):
    """Write a folder that holds each matrix at every rank, so that Python turns the model to any size and back."""

    model: Model
    out: Out
    text: Calibration = None
    tokens: int = 8192
    """How many tokens of it to use, spread over it evenly; a quarter is kept apart to try settings on."""
    seed: int = 0
    """Of the random generator that draws the gradients of the model's predictions."""
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse a folder in use."""
        check_new(self.out)

    def run(self) -> None:
        """Measure, find the order, try settings, write, and say what they cost."""
        from eigenlm import verbs
        from eigenlm.compression.knob import kept, nested_layers
        from eigenlm.compression.room import planning

        lm = self.compute.load(self.model, planning(self.tokens, ("low_rank",), whole=False))
        made, told = verbs.knob(lm, calibration=self.text, tokens=self.tokens, seed=self.seed)
        told.save(self.out, made)
        warn_of(told.calibration)
        if self.json:
            print_json({"out": self.out, "num_bytes": made.num_bytes, "settings": told.settings, "unit": told.unit})
            return
        print_knob(kept(nested_layers(made.model)), told)
        self.point_to(self.out, f"in Python, lm = eigenlm.load({str(self.out)!r}) and eigenlm.turn(lm, 0.8)")


def print_knob(keep: float, told: "Knob | None") -> None:
    """Where a knob stands, and what settings cost that were tried."""
    say(f"a knob at {keep:.1%} of the numbers in its matrices")
    if told is None:
        return
    rows = [
        [
            f"{each.keep:.0%}",
            f"{each.loss.value:+.4f}",
            f"{each.loss.low:+.4f} to {each.loss.high:+.4f}",
            f"{each.divergence.value:.4f}",
        ]
        for each in told.settings
    ]
    print_table("what settings cost", ["kept", told.unit, "95% interval", "divergence"], rows)
