"""One offline HTML page to read an analysis in, with a plan and its measured effect where they are known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from eigenlm.analysis import sections
from eigenlm.analysis.about import About
from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.finding import Finding
from eigenlm.analysis.page.contents import absent, contents
from eigenlm.analysis.page.effect import comparisons, drawn_effect
from eigenlm.analysis.page.report import Report
from eigenlm.analysis.page.table import plan_part, table_data
from eigenlm.analysis.page.words import all_terms, glossary
from eigenlm.analysis.page_part import PagePart, filled
from eigenlm.analysis.rows import parts
from eigenlm.files import write_text
from eigenlm.offline_page import as_json, packed, part, policy

_HERE = "eigenlm.analysis.page"
_STYLES = ("page.css", "table.css", "charts.css", "print.css")
_SCRIPTS = ("state.js", "terms.js", "charts.js", "map.js", "table.js")
_MOST_FINDINGS = 5


def write_report(report: Report, path: str | Path) -> None:
    """Write the page, whole or not at all; it needs no network.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(report))


def render(report: Report) -> str:
    """The page as HTML."""
    analysis, shown = report.analysis, parts(report.analysis.results)
    about, totals, data = analysis.about, analysis.totals(), _data(report, shown)
    counts = {"Matrices": totals["num_matrices"], "Parameters in them": totals["num_params"]}
    first, others = (None, analysis.findings) if report.before_after else _first(analysis.findings)
    values = {
        "report": report,
        "title": f"{about.title}: what its matrices hold",
        "overline": "what every matrix holds",
        "heading": about.title,
        "facts": {**about.facts, **{label: f"{count:,}" for label, count in counts.items()}},
        "verdict": first,
        "findings": others,
        "skipped": analysis.skipped,
        "comparing": ("condition>1000", "rank_99<=300", "effective<50"),
        "comparisons": [] if report.before_after is None else comparisons(report.before_after),
        "above": [Markup(one.html) for one in shown.values() if one.of_matrix],
        "below": [Markup(one.html) for one in shown.values() if not one.of_matrix],
        "contents": contents(report, shown),
        "absent": absent(report),
        "glossary": glossary(),
        "first": as_json(data["start"] or ""),
        "call": _call(about),
        "attributes": [section.name for section in sections.SECTIONS if section.name != "spectra"],
        "curves": packed(as_json(_curves(shown))),
    }
    return assembled("page.html", [part(_HERE, "effect.js"), *(one.script for one in shown.values())], values, data)


def assembled(template: str, scripts: Sequence[str], values: Mapping[str, Any], data: Mapping[str, Any]) -> Markup:
    """A page in this room's frame: a map of the model, a table of its matrices, findings, and the words explained.

    Args:
        template: what fills the frame, a file of this folder.
        scripts: what is drawn beyond map and table.
        values: what the templates name.
        data: what the scripts read, as plain JSON values.
    """
    script = Markup("\n".join([part(_HERE, *_SCRIPTS), *scripts, part(_HERE, "start.js")]))
    frame = {"style": part(_HERE, *_STYLES), "script": script, "policy": policy(script, get_plotlyjs())}
    # The verdict is the first of the five findings that a reader meets.
    most = _MOST_FINDINGS - 1 if values["verdict"] else _MOST_FINDINGS
    return filled(_HERE, template, {"most_findings": most, **values, **frame}, data)


def _first(findings: Sequence[Finding]) -> tuple[Finding | None, Sequence[Finding]]:
    """The finding that is the verdict, and the others."""
    return (findings[0], findings[1:]) if findings else (None, ())


def page_data(report: Report) -> dict[str, Any]:
    """What the page's script reads at once: plain JSON values."""
    return _data(report, parts(report.analysis.results))


def curves(analysis: Analysis) -> dict[str, dict[str, Any]]:
    """What is drawn of each matrix, by its name: what every section knows of it, put together."""
    return _curves(parts(analysis.results))


def _curves(shown: Mapping[str, PagePart]) -> dict[str, dict[str, Any]]:
    names = dict.fromkeys(name for one in shown.values() for name in one.curves)
    return {
        name: {key: value for one in shown.values() for key, value in one.curves.get(name, {}).items()}
        for name in names
    }


def _data(report: Report, shown: Mapping[str, PagePart]) -> dict[str, Any]:
    analysis = report.analysis
    table = table_data(analysis.matrices, [*shown.values(), plan_part(report.plan)])
    planned = {row.name: asdict(row) for row in report.plan}
    told = [finding.matrix for finding in analysis.findings if finding.matrix]
    return {
        "start": next(iter([*told, *(matrix.name for matrix in analysis.matrices)]), None),
        "terms": {key: term._asdict() for key, term in all_terms().items()},
        "columns": table["columns"],
        "matrices": [row | {"plan": planned.get(row["name"])} for row in table["matrices"]],
        **{section.name: None for section in sections.SECTIONS},
        **{name: _short(one.data) for name, one in shown.items()},
        "effect": None if report.before_after is None else drawn_effect(report.before_after),
    }


def _call(about: About) -> str:
    """What stands between the brackets of `eigenlm.analyze`, as Python spells it."""
    options = {key: as_json(value) if isinstance(value, str) else repr(value) for key, value in about.options.items()}
    return ", ".join([as_json(about.model), *(f"{key}={value}" for key, value in options.items())])


def _short(value: Any) -> Any:
    """Numbers to the digits that anyone can see; NaN and infinity become None, as JSON has neither."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
