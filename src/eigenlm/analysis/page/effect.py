"""A plan, and what came of it, as a page shows them."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from rich.filesize import decimal

from eigenlm.estimate import Estimate


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a plan does to one matrix.

    Attributes:
        name: the matrix, as in the analysis.
        label: what it becomes, in a word or two.
        bits_before: bits that one of its m n numbers takes as it is.
        bits: the same afterwards, all that is stored of the matrix shared out.
        loss: its part of the forecast increase of the loss, in nats per token; None if that is unknown.
        rank: that it is cut to; None if it is not.
    """

    name: str
    label: str
    bits_before: float
    bits: float
    loss: float | None = None
    rank: int | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One model, measured.

    Attributes:
        nll: nats per token on the text.
        num_params: numbers in the model.
        num_bytes: bytes it takes in memory.
        tokens_per_second: how fast it generates; None if that was not measured.
        answer: its answer to the question; None if it was not asked.
        file_bytes: bytes its tensors take on disk; None if it is in no file.
    """

    nll: float
    num_params: int
    num_bytes: int
    tokens_per_second: float | None = None
    answer: str | None = None
    file_bytes: int | None = None

    @property
    def perplexity(self) -> float:
        """exp(nll), per token."""
        return math.exp(min(self.nll, 700.0))


@dataclass(frozen=True, kw_only=True)
class BeforeAfter:
    """The same measurements of a model and of what a plan made of it.

    Attributes:
        text: what the loss was measured on.
        before: the model.
        after: the smaller one.
        nll_increase: nats per token on the text.
        forecast: the same increase as it was told beforehand; None if there was no forecast.
        question: asked of both; None if none was.
    """

    text: str
    before: Measured
    after: Measured
    nll_increase: Estimate
    forecast: Estimate | None = None
    question: str | None = None


class Compared(NamedTuple):
    """One line of the table of before and after."""

    label: str
    before: str
    after: str
    change: str


def comparisons(effect: BeforeAfter) -> list[Compared]:
    """What was measured on both models, line by line."""
    before, after = effect.before, effect.after

    def row(label: str, style: Callable[[Any], str], old: float | int, new: float | int) -> Compared:
        return Compared(label, style(old), style(new), f"{new / old - 1:+.1%}")

    rows = [
        row("Perplexity", "{:,.2f}".format, before.perplexity, after.perplexity),
        Compared("Loss, nats per token", f"{before.nll:.3f}", f"{after.nll:.3f}", f"{after.nll - before.nll:+.3f}"),
        row("Parameters", "{:,}".format, before.num_params, after.num_params),
        row("Bytes in memory", decimal, before.num_bytes, after.num_bytes),
    ]
    if before.file_bytes is not None and after.file_bytes is not None:
        rows.append(row("Bytes on disk", decimal, before.file_bytes, after.file_bytes))
    if before.tokens_per_second and after.tokens_per_second:
        rows.append(row("Tokens a second", "{:.1f}".format, before.tokens_per_second, after.tokens_per_second))
    return rows


def drawn_effect(effect: BeforeAfter) -> dict[str, Any]:
    """The intervals that the page draws."""
    return {
        "measured": asdict(effect.nll_increase),
        "forecast": None if effect.forecast is None else asdict(effect.forecast),
    }
