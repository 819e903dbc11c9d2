"""An analysis as tables for a terminal."""

from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table
from rich.text import Text

from eigenlm.analyze.kinds import kind_of
from eigenlm.analyze.spectra import Analysis, MatrixSpectrum

_COLUMNS: tuple[tuple[str, Callable[[MatrixSpectrum], float], str], ...] = (
    ("‖W‖F", lambda matrix: matrix.frobenius_norm, ".1f"),
    ("σ₁", lambda matrix: matrix.spectral_norm, ".2f"),
    ("condition", lambda matrix: matrix.condition_number, ".2g"),
    ("stable rank", lambda matrix: matrix.stable_rank, ".1f"),
    ("effective rank", lambda matrix: matrix.effective_rank, ".0f"),
    ("rank at 90%", lambda matrix: matrix.rank_90, ".0f"),
    ("rank at 99%", lambda matrix: matrix.rank_99, ".0f"),
    ("of full", lambda matrix: len(matrix.singular_values), ".0f"),
)


def matrix_table(analysis: Analysis) -> Table:
    """A row per matrix, in the model's order."""
    table = _table("Every matrix", ["matrix", "rows x columns", "stored as"])
    for matrix in analysis.matrices:
        sizes = f"{matrix.rows} x {matrix.columns}"
        table.add_row(Text(matrix.name), sizes, matrix.storage or "", *_figures([matrix]))
    if analysis.skipped:
        table.caption = Text("\n".join(f"left out: {skipped.name}: {skipped.reason}" for skipped in analysis.skipped))
        table.caption_justify = "left"
    return table


def kind_table(analysis: Analysis) -> Table:
    """A row per kind of matrix: the median over its layers, and how many there are."""
    kinds: dict[str, list[MatrixSpectrum]] = {}
    for matrix in analysis.matrices:
        kinds.setdefault(kind_of(matrix.name), []).append(matrix)
    table = _table("Kinds of matrices, the median over layers", ["matrix", "count"])
    for kind, matrices in kinds.items():
        table.add_row(Text(kind), str(len(matrices)), *_figures(matrices))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, padding=(0, 2))
    for i, column in enumerate([*columns, *(name for name, *_ in _COLUMNS)]):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    return table


def _figures(matrices: Sequence[MatrixSpectrum]) -> list[str]:
    return [format(median(figure(matrix) for matrix in matrices), style) for _, figure, style in _COLUMNS]
