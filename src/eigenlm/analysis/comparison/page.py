"""One offline HTML page to read in what changed between models: a map and a table of the changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eigenlm.analysis.comparison.comparison import Comparison, MatrixChange
from eigenlm.analysis.finding import Finding, listed
from eigenlm.analysis.page import assembled, table_data
from eigenlm.analysis.page_part import PagePart, Scale, Style, field_column
from eigenlm.analysis.term import Term, read_terms
from eigenlm.files import write_text
from eigenlm.offline_page import as_json, part

_HERE = "eigenlm.analysis.comparison"
# Group, path in a `MatrixChange`, key, style, and whether it colours the map.
_COLUMNS: tuple[tuple[str, str, str, Style, Scale | None], ...] = (
    ("", "rel_change", "rel_change", "percent", "linear"),
    ("The change", "change.rel_spectral", "rel_spectral", "percent", None),
    ("The change", "change.rank_90", "change_rank_90", "rank", "linear"),
    ("The change", "change.rank", "change_rank", "rank", None),
    ("The change", "change.energy_kept", "energy_kept", "percent", "linear"),
    ("Before and after", "change.before.stable_rank", "stable_before", "number", None),
    ("Before and after", "change.after.stable_rank", "stable_after", "number", None),
    ("Before and after", "change.before.numerical_rank", "rank_before", "rank", None),
    ("Before and after", "change.after.numerical_rank", "rank_after", "rank", "linear"),
    ("Strongest directions", "change.overlap.left", "same_out", "percent", "linear"),
    ("Strongest directions", "change.overlap.right", "same_in", "percent", None),
)
_COMPARING = (("rel_change", ">10%"), ("rank_after", "<300"), ("energy_kept", "<90%"))


def write_comparison(comparisons: Sequence[Comparison], path: str | Path) -> None:
    """Write the page, whole or not at all; it needs no network.

    Args:
        comparisons: of one first model with each of the others.
        path: where to.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(comparisons))


def render(comparisons: Sequence[Comparison]) -> str:
    """The page as HTML."""
    before, afters = comparisons[0].before, [comparison.after for comparison in comparisons]
    data = page_data(comparisons)
    verdicts, others = _findings(comparisons)
    values = {
        "title": f"{before.title}: what changed",
        "overline": "what changed",
        "heading": f"{before.title} beside {listed([after.title for after in afters], most=4)}",
        "facts": {**before.facts, "matrices": f"{len(data['matrices']):,}"},
        "comparing": tuple(f"{_key(key, 0, comparisons)}{told}" for key, told in _COMPARING),
        "verdict": verdicts,
        "findings": others,
        "skipped": [one for comparison in comparisons for one in comparison.skipped],
        "contents": _contents(others),
        "glossary": _glossary(comparisons),
        "calls": [f"{as_json(before.model)}, {as_json(after.model)}" for after in afters],
        "first": as_json(data["start"] or ""),
    }
    return assembled("comparison.html", [part(_HERE, "page.js")], values, data)


def page_data(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """What the page's script reads: plain JSON values."""
    matrices = {matrix.name: matrix for comparison in comparisons for matrix in comparison.matrices}
    parts = [PagePart(rows=matrices, columns=(field_column("", "name", "text"),)), *_parts(comparisons)]
    most = max(matrices.values(), key=lambda matrix: matrix.rel_change or 0.0, default=None)
    return {
        "start": None if most is None else most.name,
        "terms": {key: term._asdict() for words in _glossary(comparisons).values() for key, term in words.items()},
        **table_data(list(matrices.values()), parts),
    }


def _parts(comparisons: Sequence[Comparison]) -> list[PagePart]:
    """The columns of each model; of several the changes stand side by side, and the rest in a group for each."""
    several = len(comparisons) > 1
    always: list[PagePart] = []
    grouped: list[PagePart] = []
    for i, comparison in enumerate(comparisons):
        rows: Mapping[str, MatrixChange] = {matrix.name: matrix for matrix in comparison.matrices}
        for group, path, key, style, scale in _COLUMNS:
            own, colours = (comparison.after.title, None) if group and several else (group, scale)
            column = field_column(own, path, style, colours, _key(key, i, comparisons))
            (grouped if group else always).append(PagePart(rows=rows, columns=(column,)))
    return [*always, *grouped]


def _key(key: str, i: int, comparisons: Sequence[Comparison]) -> str:
    return key if len(comparisons) == 1 else f"{key}_{i + 1}"


def _glossary(comparisons: Sequence[Comparison]) -> dict[str, Mapping[str, Term]]:
    """The words by heading; of several models each has its own columns."""
    ((heading, words),) = read_terms(_HERE).items()
    if len(comparisons) == 1:
        return {heading: words}
    name = {"name": words["name"]}
    own = {
        f"{i + 1}. {comparison.after.title}": {
            _key(key, i, comparisons): Term(f"{term.label}, {comparison.after.title}", term.definition)
            for key, term in words.items()
            if key != "name"
        }
        for i, comparison in enumerate(comparisons)
    }
    return {heading: name, **own}


def _findings(comparisons: Sequence[Comparison]) -> tuple[list[Finding], list[Finding]]:
    """What each comparison comes to, and what else it found; of several models each finding begins with its model."""
    verdicts: list[Finding] = []
    others: list[Finding] = []
    for comparison in comparisons:
        told = comparison.findings
        if len(comparisons) > 1:
            told = tuple(replace(one, heading=f"{comparison.after.title}: {one.heading}") for one in told)
        verdicts.append(told[0])
        others += told[1:]
    return verdicts, sorted(others, key=lambda finding: -finding.weight)


def _contents(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    found = [("findings", "What stands out")] if findings else []
    matrices = [("matrix", "One matrix"), ("table", "Every matrix")]
    return [("map-section", "At a glance"), *found, *matrices, ("python-section", "In Python"), ("terms", "The words")]
