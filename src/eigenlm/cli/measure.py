"""`eigenlm measure`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.allowed import check_scored
from eigenlm.cli.command import Command
from eigenlm.cli.options import Compute, Text, beginning_of
from eigenlm.cli.output import print_json, print_table

if TYPE_CHECKING:
    from eigenlm.estimate import Estimate
    from eigenlm.tasks import Effect


@dataclass(frozen=True)
class MeasureCommand(Command):
    """Compare two models on a text: nats a token, perplexity, divergence, bytes and speed, with intervals."""

    before: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="BEFORE", help="A model, named as in info.")]
    after: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="AFTER", help="Another, with the same tokenizer.")
    ]
    text: Text
    window: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Tokens the models see at once, 1,024 or the shorter context by default; the first is not scored."""
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse windows that cannot be scored in."""
        check_scored(1024 if self.window is None else self.window, None)

    def run(self) -> None:
        """Let both read the text, and print."""
        from eigenlm.checkpoint import open_model
        from eigenlm.engine.room import scoring
        from eigenlm.tasks import effect

        beginning_of(self.text)  # no text is told before models are read
        also = open_model(self.after, self.compute.adapter)
        before = self.compute.load(self.before, scoring(self.window, models=2, also_read=also))
        found = effect(before, self.compute.load(self.after), self.text, window=self.window)
        print_json(found) if self.json else print_effect(found)


def print_effect(found: "Effect") -> None:
    """A table of both models and what lies between them, for people."""
    before, after = found.before, found.after
    rows = [
        ("bytes in memory", f"{before.num_bytes:,}", f"{after.num_bytes:,}", f"{-found.bytes_saved:+.1%}"),
        (
            "tokens read a second",
            f"{before.tokens_per_second:.0f}",
            f"{after.tokens_per_second:.0f}",
            f"x {_said(found.speed_ratio)}",
        ),
        ("KL divergence, nats a token", "", "", _said(found.kl)),
    ]
    if before.score is not None and after.score is not None and found.nll_increase and found.perplexity_ratio:
        ratio = f"x {_said(found.perplexity_ratio)}"
        rows = [
            (
                "loss, nats a token",
                f"{before.score.nll:.4f}",
                f"{after.score.nll:.4f}",
                _said(found.nll_increase, "+.4f"),
            ),
            ("perplexity", f"{before.score.perplexity:.3f}", f"{after.score.perplexity:.3f}", ratio),
            *rows,
        ]
    print_table(f"measured on {found.tokens:,} tokens", ("", "before", "after", "change (95% interval)"), rows)


def _said(estimate: "Estimate", style: str = ".4f") -> str:
    return f"{estimate.value:{style}} ({estimate.low:{style}} to {estimate.high:{style}})"
