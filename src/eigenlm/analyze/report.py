"""One offline HTML page to read an analysis in, with a plan and its measured effect where they are known."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.filesize import decimal
from torch import Tensor

from eigenlm.analyze.analysis import Analysis
from eigenlm.analyze.figure import figure
from eigenlm.analyze.findings import findings
from eigenlm.analyze.glossary import TERMS
from eigenlm.analyze.kinds import kind_of, layer_of
from eigenlm.analyze.spectra import MatrixSpectrum
from eigenlm.files import write_text
from eigenlm.linalg import energy_curve
from eigenlm.offline_page import fill, part

# A chart is some thousand pixels wide; longer spectra are drawn at this many ranks.
_MOST_POINTS = 1024
_SHARES = ("effective_rank", "numerical_rank", "rank_90", "rank_99")
_FIGURES = ("frobenius_norm", "spectral_norm", "condition_number", "stable_rank", *_SHARES, "break_even_rank")
_PLANNED = ("planned_rank", "planned_share", "planned_loss")


@dataclass(frozen=True, kw_only=True)
class PlannedRank:
    """What a plan does to one matrix.

    Attributes:
        name: the matrix, as in the analysis.
        rank: that it keeps; None leaves it dense.
        num_params: numbers it takes afterwards.
        loss: its forecast part of the nll's increase, nats per token; None if unknown.
    """

    name: str
    rank: int | None
    num_params: int
    loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One model, measured.

    Attributes:
        nll: nats per token on the text.
        num_params: numbers in the model.
        num_bytes: bytes it takes.
        tokens_per_second: of generation; None if not measured.
        answer: to the question; None if not asked.
    """

    nll: float
    num_params: int
    num_bytes: int
    tokens_per_second: float | None = None
    answer: str | None = None

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
    nll_increase: Interval
    forecast: Interval | None = None
    question: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a page shows.

    Attributes:
        title: the model's name.
        analysis: its matrices.
        facts: a few words about it, label to value.
        model: what `eigenlm.analyze` takes to return the same numbers.
        plan: what happens to each matrix that a plan touches.
        before_after: what came of it.
    """

    title: str
    analysis: Analysis
    facts: Mapping[str, str] = field(default_factory=dict)
    model: str = "MODEL"
    plan: tuple[PlannedRank, ...] = ()
    before_after: BeforeAfter | None = None


def write_report(report: Report, path: str | Path) -> None:
    """Write the page, whole or not at all; it needs no network.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(report))


def render(report: Report) -> str:
    """The page as HTML."""
    matrices = report.analysis.matrices
    values = {
        "report": report,
        "planned": {row.name: row for row in report.plan},
        "totals": report.analysis.totals(),
        "findings": findings(report.analysis),
        "comparisons": [] if report.before_after is None else _comparisons(report.before_after),
        "terms": TERMS,
        "figures": _FIGURES,
        "shares": _SHARES,
        "columns": ["name", "size", "storage", *_FIGURES, *(_PLANNED if report.plan else ())],
        "model_literal": json.dumps(report.model),
        "first_literal": json.dumps(matrices[0].name if matrices else ""),
        "style": part("eigenlm.analyze", "report.css"),
        "script": part("eigenlm.analyze", "report.js"),
    }
    filters = {"figure": figure, "percent": "{:.1%}".format}
    return fill("eigenlm.analyze", "report.html", page_data(report), values, filters)


def page_data(report: Report) -> dict[str, Any]:
    """What the page's script reads: plain JSON values."""
    planned = {row.name: asdict(row) for row in report.plan}
    names = [matrix.name for matrix in report.analysis.matrices]
    shown = [finding.matrix for finding in findings(report.analysis) if finding.matrix]
    return {
        "start": next(iter([*shown, *names]), None),
        "matrices": [
            matrix.to_dict(singular_values=False)
            | {"kind": kind_of(matrix.name), "layer": layer_of(matrix.name), "plan": planned.get(matrix.name)}
            | {"spectrum": _drawn(matrix)}
            for matrix in report.analysis.matrices
        ],
        "effect": None if report.before_after is None else _effect(report.before_after),
    }


def _drawn(matrix: MatrixSpectrum) -> dict[str, list[Any]]:
    """Ranks, singular values and energy kept, to the digits a chart can show."""
    S = matrix.singular_values
    count = len(S)
    at = (
        torch.arange(count)
        if count <= _MOST_POINTS
        else torch.linspace(0, 1, _MOST_POINTS).square().mul(count - 1).long()
    )
    at = at.unique()
    return {"rank": (at + 1).tolist(), "sigma": _rounded(S[at], 6), "energy": _rounded(energy_curve(S)[at], 5)}


def _rounded(values: Tensor, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values.tolist()]


def _effect(before_after: BeforeAfter) -> dict[str, Any]:
    forecast = before_after.forecast
    return {"measured": asdict(before_after.nll_increase), "forecast": None if forecast is None else asdict(forecast)}


class _Compared(NamedTuple):
    label: str
    before: str
    after: str
    change: str


def _comparisons(effect: BeforeAfter) -> list[_Compared]:
    before, after = effect.before, effect.after

    def row(label: str, style: Callable[[Any], str], old: float | int, new: float | int) -> _Compared:
        return _Compared(label, style(old), style(new), f"{new / old - 1:+.1%}")

    rows = [
        row("Perplexity", "{:,.2f}".format, before.perplexity, after.perplexity),
        _Compared("Loss, nats per token", f"{before.nll:.3f}", f"{after.nll:.3f}", f"{after.nll - before.nll:+.3f}"),
        row("Parameters", "{:,}".format, before.num_params, after.num_params),
        row("Bytes", decimal, before.num_bytes, after.num_bytes),
    ]
    if before.tokens_per_second and after.tokens_per_second:
        rows.append(row("Tokens a second", "{:.1f}".format, before.tokens_per_second, after.tokens_per_second))
    return rows
