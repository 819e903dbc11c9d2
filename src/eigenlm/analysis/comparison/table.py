"""A comparison as a table for a terminal; the JSON holds more."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from eigenlm.analysis.comparison.comparison import Comparison, MatrixChange
from eigenlm.analysis.finding import listed
from eigenlm.analysis.kinds import by_kind
from eigenlm.plain_table import PlainTable

_MOST_NAMES = 4
_COLUMNS = (
    "relative change",
    "rank for 90%",
    "energy kept",
    "same outputs",
    "same inputs",
    "spectral change",
    "stable rank before",
    "stable rank after",
)


def comparison_table(comparison: Comparison, *, every: bool = False) -> PlainTable:
    """A row per kind of matrix, with the median over those that changed; or a row for every matrix."""
    title = "Every matrix" if every else "Kinds of matrices, the median over those that changed"
    table = PlainTable(title, [*(["matrix"] if every else ["kind", "changed"]), *_COLUMNS])
    if every:
        for matrix in comparison.matrices:
            table.add_row(matrix.name, *(_figures([matrix]) or ["same"]))
    else:
        for kind, matrices in by_kind(comparison.matrices).items():
            count = sum(matrix.change is not None for matrix in matrices)
            table.add_row(kind, f"{count}/{len(matrices)}", *_figures(matrices))
    return table.with_notes(_notes(comparison))


def changes_table(comparisons: Sequence[Comparison], *, every: bool = False) -> PlainTable:
    """Several models held against one: how much each kind of matrix, or every matrix, changed in each of them."""
    title = "Change of every matrix" if every else "Change by kind of matrix, the median over those that changed"
    first = "matrix" if every else "kind"
    table = PlainTable(f"{title}: |D|F / |W|F", [first, *(comparison.after.title for comparison in comparisons)])
    groups = [
        {matrix.name: [matrix] for matrix in comparison.matrices} if every else by_kind(comparison.matrices)
        for comparison in comparisons
    ]
    for name in dict.fromkeys(name for group in groups for name in group):
        cells = [(_figures(group.get(name, [])) or ["same" if name in group else "-"])[0] for group in groups]
        table.add_row(name, *cells)
    return table


def _figures(matrices: Sequence[MatrixChange]) -> list[str]:
    """Medians over the matrices that changed; none if none did."""
    changed = [matrix for matrix in matrices if matrix.change is not None]
    changes = [matrix.change for matrix in changed if matrix.change is not None]
    if not changes:
        return []
    overlaps = [change.overlap for change in changes if change.overlap is not None]
    rank, full = median(change.rank_90 for change in changes), median(change.full_rank for change in changes)
    return [
        _median((matrix.rel_change for matrix in changed), percent),
        f"{rank:.0f}/{full:.0f}",
        _median((change.energy_kept for change in changes), "{:.1%}".format),
        _median((overlap.left for overlap in overlaps), "{:.0%}".format),
        _median((overlap.right for overlap in overlaps), "{:.0%}".format),
        _median((change.rel_spectral for change in changes), percent),
        _median((change.before.stable_rank for change in changes), "{:.1f}".format),
        _median((change.after.stable_rank for change in changes), "{:.1f}".format),
    ]


def _median(values: Iterable[float | None], write: Callable[[float], str]) -> str:
    known = [value for value in values if value is not None]
    return write(float(median(known))) if known else "-"


def percent(value: float) -> str:
    """A share with two digits or more, in five characters."""
    if value < 1e-4:
        return f"{value:.0e}"
    return f"{value:.2%}" if value < 0.01 else f"{value:.1%}" if value < 0.1 else f"{value:.0%}"


def _notes(comparison: Comparison) -> list[str]:
    overlaps = [matrix.change.overlap for matrix in comparison.matrices if matrix.change and matrix.change.overlap]
    lines = []
    if overlaps:
        rank = max(overlap.rank for overlap in overlaps)
        out, into = (median(chances) for chances in zip(*((o.left_chance, o.right_chance) for o in overlaps)))
        lines.append(
            "relative change: the Frobenius norm of the change, divided by that of the matrix; rank for 90%: directions"
            f" that hold 90% of the change's energy, of all; same outputs, inputs: how far the {rank} strongest"
            f" directions, at the output and at the input, are still the same (chance gives {out:.0%} and {into:.0%});"
            " spectral change: the largest singular value of the change, divided by that of the matrix."
        )
    if comparison.vectors:
        names = listed([vector.name for vector in comparison.vectors], most=_MOST_NAMES)
        lines.append(f"vectors that changed: {names}")
    if comparison.only_before:
        lines.append(f"only in the first: {listed(comparison.only_before, most=_MOST_NAMES)}")
    if comparison.only_after:
        lines.append(f"only in the second: {listed(comparison.only_after, most=_MOST_NAMES)}")
    lines += [f"other sizes: {o.name}: {o.before} and {o.after}" for o in comparison.other_shapes[:_MOST_NAMES]]
    if (more := len(comparison.other_shapes) - _MOST_NAMES) > 0:
        lines.append(f"and {more} more of other sizes")
    return lines + [f"left out: {skipped.name}: {skipped.reason}" for skipped in comparison.skipped]
