"""Every matrix, or every kind of matrix, as a table for a terminal of 80 columns."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table
from rich.text import Text

from eigenlm.analysis.figure import figure
from eigenlm.analysis.kinds import by_kind, short_kind
from eigenlm.analysis.plain_table import plain_table, with_notes
from eigenlm.analysis.spectra.matrix_spectrum import MatrixSpectrum
from eigenlm.analysis.spectra.measuring import Spectra


def _spikes(matrix: MatrixSpectrum) -> int | None:
    return None if matrix.noise is None else matrix.noise.num_spikes


def _alpha(matrix: MatrixSpectrum) -> float | None:
    return None if matrix.tail is None else matrix.tail.alpha


_COLUMNS: tuple[tuple[str, Callable[[MatrixSpectrum], float | None], Callable[[float], str]], ...] = (
    ("cond.", lambda matrix: matrix.condition_number, figure),
    ("stable\nrank", lambda matrix: matrix.stable_rank, "{:.1f}".format),
    ("effect.\nrank", lambda matrix: matrix.effective_rank, "{:.0f}".format),
    ("rank\n90%", lambda matrix: matrix.rank_90, "{:.0f}".format),
    ("rank\n99%", lambda matrix: matrix.rank_99, "{:.0f}".format),
    ("of\nfull", lambda matrix: len(matrix.singular_values), "{:.0f}".format),
    ("above\nnoise", _spikes, "{:.0f}".format),
    ("alpha", _alpha, "{:.1f}".format),
)
# Whether alpha may be read, in one word.
_WORDS = {"power law supported": "yes", "not distinguishable": "maybe", "rejected": "no", "too few values": "few"}


def matrix_table(found: Spectra) -> Table:
    """A row per matrix, in the model's order."""
    table = plain_table("Every matrix", ["matrix", *_heads()])
    for matrix in found.matrices:
        table.add_row(Text(matrix.name), *_figures([matrix]), _verdict([matrix]))
    return with_notes(table, _skipped(found))


def kind_table(found: Spectra) -> Table:
    """A row per kind of matrix: the median over its layers, how many there are, and the verdict on most of them."""
    table = plain_table("Kinds of matrices, the median over layers", ["kind", "", *_heads()])
    for kind, matrices in by_kind(found.matrices).items():
        table.add_row(Text(short_kind(kind)), str(len(matrices)), *_figures(matrices), _verdict(matrices))
    return with_notes(table, _skipped(found))


def _heads() -> list[str]:
    return [*(name for name, *_ in _COLUMNS), "power\nlaw?"]


def _figures(matrices: Sequence[MatrixSpectrum]) -> list[str]:
    """The median of each column over the matrices that have it."""
    cells = []
    for _, value, write in _COLUMNS:
        known = [number for number in map(value, matrices) if number is not None]
        cells.append(write(float(median(known))) if known else "-")
    return cells


def _verdict(matrices: Sequence[MatrixSpectrum]) -> str:
    words = Counter(_WORDS[matrix.tail.verdict] for matrix in matrices if matrix.tail is not None)
    if not words:
        return "-"
    ((word, count),) = words.most_common(1)
    return word if len(matrices) == 1 else f"{word} {count}"


def _skipped(found: Spectra) -> list[str]:
    return [f"left out: {skipped.name}: {skipped.reason}" for skipped in found.skipped]
