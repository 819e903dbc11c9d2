"""One offline HTML page to read an analysis in, with a plan and its measured effect where they are known."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eigenlm.analysis.figure import figure
from eigenlm.analysis.findings import findings
from eigenlm.analysis.glossary import GLOSSARY, TERMS
from eigenlm.analysis.kinds import kind_of, layer_of
from eigenlm.analysis.report.activations import massive_channels, top_outliers
from eigenlm.analysis.report.columns import table
from eigenlm.analysis.report.curves import curves
from eigenlm.analysis.report.effect import comparisons, drawn_effect
from eigenlm.analysis.report.report import Report
from eigenlm.analysis.report.sections import absent, sections
from eigenlm.config import to_dict
from eigenlm.files import write_text
from eigenlm.offline_page import fill, packed, part, policy

_HERE = "eigenlm.analysis.report"
_STYLES = ("page.css", "table.css", "charts.css", "print.css")
_MOST_FINDINGS = 9
_SCRIPTS = (
    "state.js",
    "terms.js",
    "charts.js",
    "map.js",
    "table.js",
    "matrix.js",
    "rank.js",
    "effect.js",
    "activations.js",
    "curvature.js",
    "senses.js",
    "start.js",
)


def write_report(report: Report, path: str | Path) -> None:
    """Write the page, whole or not at all; it needs no network.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(report))


def render(report: Report) -> str:
    """The page as HTML."""
    data, script = page_data(report), part(_HERE, *_SCRIPTS)
    values = {
        "report": report,
        "totals": report.analysis.totals(),
        "findings": findings(report.analysis),
        "comparisons": [] if report.before_after is None else comparisons(report.before_after),
        **report.analysis.sections(),
        "massive": massive_channels(report.analysis.activations),
        "outliers": top_outliers(report.analysis.activations),
        "most_findings": _MOST_FINDINGS,
        "sections": sections(report),
        "absent": absent(report),
        "has_noise": any(column["group"] == "Noise" for column in data["columns"]),
        "terms": TERMS,
        "glossary": GLOSSARY,
        "first": json.dumps(data["start"] or ""),
        "call": _call(report),
        "curves": packed(json.dumps(curves(report.analysis), allow_nan=False, separators=(",", ":"))),
        "style": part(_HERE, *_STYLES),
        "script": script,
        "policy": policy(script),
    }
    filters = {"figure": figure, "percent": "{:.1%}".format}
    return fill(_HERE, "page.html", data, values, filters)


def page_data(report: Report) -> dict[str, Any]:
    """What the page's script reads at once: plain JSON values."""
    analysis = report.analysis
    columns, cells = table(analysis, report.plan)
    planned = {row.name: asdict(row) for row in report.plan}
    names = [matrix.name for matrix in analysis.matrices]
    shown = [finding.matrix for finding in findings(analysis) if finding.matrix]
    return {
        "start": next(iter([*shown, *names]), None),
        "terms": {key: term._asdict() for key, term in TERMS.items()},
        "columns": [
            {"key": column.key, "group": column.group, "style": column.style, "map": column.map} for column in columns
        ],
        "matrices": [
            {"name": matrix.name, "kind": kind_of(matrix.name), "layer": layer_of(matrix.name)}
            | {"rows": matrix.rows, "columns": matrix.columns, "plan": planned.get(matrix.name), "cells": row}
            | {"reason": matrix.tail and matrix.tail.reason}
            for matrix, row in zip(analysis.matrices, cells)
        ],
        **{name: _drawn(section) for name, section in analysis.sections().items()},
        "effect": None if report.before_after is None else drawn_effect(report.before_after),
    }


def _call(report: Report) -> str:
    """What stands between the brackets of `eigenlm.analyze`, as Python spells it."""
    options = {
        key: json.dumps(value) if isinstance(value, str) else repr(value) for key, value in report.options.items()
    }
    return ", ".join([json.dumps(report.model), *(f"{key}={value}" for key, value in options.items())])


def _drawn(section: Any) -> dict[str, Any] | None:
    """What is drawn of a section; rows of matrices stand in the table."""
    if section is None:
        return None
    return _short({key: value for key, value in to_dict(section).items() if key != "linear_inputs"})


def _short(value: Any) -> Any:
    """Numbers to the digits that anyone can see; NaN and infinity become None, as JSON has neither."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
