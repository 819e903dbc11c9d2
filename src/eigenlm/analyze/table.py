"""An analysis as tables for a terminal of 80 columns; the page and the JSON hold more."""

from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table
from rich.text import Text

from eigenlm.analyze.analysis import Analysis
from eigenlm.analyze.figure import figure
from eigenlm.analyze.kinds import kind_of
from eigenlm.analyze.spectra import MatrixSpectrum

_COLUMNS: tuple[tuple[str, Callable[[MatrixSpectrum], float], Callable[[float], str]], ...] = (
    ("σ₁", lambda matrix: matrix.spectral_norm, figure),
    ("cond.", lambda matrix: matrix.condition_number, figure),
    ("stable\nrank", lambda matrix: matrix.stable_rank, "{:.1f}".format),
    ("effect.\nrank", lambda matrix: matrix.effective_rank, "{:.0f}".format),
    ("rank\n90%", lambda matrix: matrix.rank_90, "{:.0f}".format),
    ("rank\n99%", lambda matrix: matrix.rank_99, "{:.0f}".format),
    ("of\nfull", lambda matrix: len(matrix.singular_values), "{:.0f}".format),
)


def matrix_table(analysis: Analysis) -> Table:
    """A row per matrix, in the model's order."""
    table = _table(analysis, "Every matrix", ["matrix"])
    for matrix in analysis.matrices:
        table.add_row(Text(matrix.name), *_figures([matrix]))
    return table


def kind_table(analysis: Analysis) -> Table:
    """A row per kind of matrix: the median over its layers, and how many there are."""
    kinds: dict[str, list[MatrixSpectrum]] = {}
    for matrix in analysis.matrices:
        kinds.setdefault(kind_of(matrix.name), []).append(matrix)
    table = _table(analysis, "Kinds of matrices, the median over layers", ["kind", "count"])
    for kind, matrices in kinds.items():
        table.add_row(Text(kind.partition("*.")[2] or kind), str(len(matrices)), *_figures(matrices))
    return table


def _table(analysis: Analysis, title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, padding=(0, 1))
    for i, column in enumerate([*columns, *(name for name, *_ in _COLUMNS)]):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=i == 0, overflow="fold")
    if analysis.skipped:
        table.caption = Text("\n".join(f"left out: {skipped.name}: {skipped.reason}" for skipped in analysis.skipped))
        table.caption_justify = "left"
    return table


def _figures(matrices: Sequence[MatrixSpectrum]) -> list[str]:
    return [write(float(median(map(value, matrices)))) for _, value, write in _COLUMNS]
