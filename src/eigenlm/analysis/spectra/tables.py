"""Every matrix, or every kind of matrix, as a table for a terminal."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from eigenlm.analysis.figure import figure
from eigenlm.analysis.kinds import by_kind
from eigenlm.analysis.spectra.matrix_spectrum import MatrixSpectrum
from eigenlm.analysis.spectra.measuring import Spectra
from eigenlm.plain_table import PlainTable


def _spikes(matrix: MatrixSpectrum) -> int | None:
    return None if matrix.noise is None else matrix.noise.num_spikes


def _alpha(matrix: MatrixSpectrum) -> float | None:
    return None if matrix.tail is None else matrix.tail.alpha


_Columns = tuple[tuple[str, Callable[[MatrixSpectrum], float | None], Callable[[float], str]], ...]
_FIRST: _Columns = (
    ("full rank", lambda matrix: len(matrix.singular_values), "{:.0f}".format),
    ("rank for 99%", lambda matrix: matrix.rank_99, "{:.0f}".format),
    ("stable rank", lambda matrix: matrix.stable_rank, "{:.1f}".format),
    ("above noise", _spikes, "{:.0f}".format),
    ("condition number", lambda matrix: matrix.condition_number, figure),
)
_LAST: _Columns = (
    ("alpha", _alpha, "{:.1f}".format),
    ("effective rank", lambda matrix: matrix.effective_rank, "{:.0f}".format),
    ("rank for 90%", lambda matrix: matrix.rank_90, "{:.0f}".format),
)
# Whether alpha may be read, in one word.
_VERDICTS = {
    "power law supported": "yes",
    "rejected": "no",
    "not distinguishable": "unclear",
    "too few values": "unclear",
}
_LEGEND = (
    "rank for 99%: directions that hold 99% of the energy, the sum of the squared singular values; above noise:"
    " singular values larger than those of random numbers; alpha: exponent of a power law fitted to the largest squared"
    " singular values, to be read only where a power law is supported (yes)."
)


def matrix_table(found: Spectra) -> PlainTable:
    """A row per matrix, in the model's order."""
    table = PlainTable("Every matrix", ["matrix", *_heads(_FIRST), "power law?", *_heads(_LAST)])
    for matrix in found.matrices:
        verdict = "-" if matrix.tail is None else _VERDICTS[matrix.tail.verdict]
        table.add_row(matrix.name, *_figures(_FIRST, [matrix]), verdict, *_figures(_LAST, [matrix]))
    return table.with_notes(_notes(found))


def kind_table(found: Spectra) -> PlainTable:
    """A row per kind of matrix: how many there are, the median over its layers, and how many have a power law."""
    heads = ["kind", "count", *_heads(_FIRST), "power law: yes/no/unclear", *_heads(_LAST)]
    table = PlainTable("Kinds of matrices, the median over layers", heads)
    for kind, rows in by_kind(found.matrices).items():
        verdicts = Counter(_VERDICTS[row.tail.verdict] for row in rows if row.tail is not None)
        told = "/".join(str(verdicts[word]) for word in ("yes", "no", "unclear")) if verdicts else "-"
        table.add_row(kind, str(len(rows)), *_figures(_FIRST, rows), told, *_figures(_LAST, rows))
    return table.with_notes(_notes(found))


def _heads(columns: _Columns) -> list[str]:
    return [name for name, *_ in columns]


def _figures(columns: _Columns, matrices: Sequence[MatrixSpectrum]) -> list[str]:
    """The median of each column over the matrices that have it."""
    cells = []
    for _, value, write in columns:
        known = [number for number in map(value, matrices) if number is not None]
        cells.append(write(float(median(known))) if known else "-")
    return cells


def _notes(found: Spectra) -> list[str]:
    legend = [_LEGEND] if found.matrices else []
    return legend + [f"left out: {skipped.name}: {skipped.reason}" for skipped in found.skipped]
