"""Word vectors in fewer numbers, and in fewer bits a number, and how much of them is left."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.principal_axes import PrincipalAxes, principal_axes
from eigenlm.linalg.row_rounding import RoundedRows, round_rows
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.word_vectors import WordVectors

Projection = Literal["svd", "pca"]
_BLOCK_ROWS = 1 << 14


@dataclass(frozen=True, kw_only=True, eq=False)
class CompressedVectors:
    """Smaller vectors of the same words.

    Attributes:
        space: them, as they will be read again.
        rounded: their codes, where numbers are rounded.
        energy_kept: 1 - |X - X^|^2 / |X|^2 over all numbers, X^ the vectors again at their old width, X the old ones
            without what was subtracted from all of them.
        mean_cosine: of every old vector with its X^.
        num_bytes: that the numbers take.
        num_bytes_before: that the old ones took.
    """

    space: WordVectors
    rounded: RoundedRows | None
    energy_kept: float
    mean_cosine: float
    num_bytes: int
    num_bytes_before: int


def compress(
    space: WordVectors,
    *,
    dim: int | None = None,
    projection: Projection = "svd",
    bits: Literal[4, 8] | None = None,
    without_top: int = 0,
) -> CompressedVectors:
    """Project vectors onto the directions of most energy, then round what is left of them.

    Args:
        space: words and vectors.
        dim: numbers of a vector that are left; None for all.
        projection: `svd` leaves the origin where it is, and so the cosines; `pca` subtracts the mean vector.
        bits: of a number, with a step of its own for each vector; None for 32.
        without_top: "all but the top" (Mu and Viswanath 2018, arXiv:1702.01417): before all else, the mean vector and
            this many principal components are subtracted, in which frequent words differ from rare ones. Their rule is
            a hundredth of the width.

    Raises:
        ConfigError: nothing to do, or more numbers than there are.
    """
    if dim is None and bits is None and not without_top:
        raise ConfigError(explain("compressing vectors", expected="fewer numbers or fewer bits", got="neither"))
    X = space.vectors.float()
    prepared = principal_axes(X, without_top, centred=True).without(X) if without_top else X
    axes = principal_axes(prepared, dim, centred=projection == "pca") if dim is not None else None
    fewer = axes.coordinates(prepared) if axes else prepared
    rounded = round_rows(fewer, bits) if bits else None
    made = WordVectors(space.words, rounded.dense() if rounded else fewer, space.source)
    energy_kept, mean_cosine = _left(X, prepared, made.vectors, axes)
    return CompressedVectors(
        space=made,
        rounded=rounded,
        energy_kept=energy_kept,
        mean_cosine=mean_cosine,
        num_bytes=rounded.num_bytes if rounded else fewer.numel() * 4,
        num_bytes_before=X.numel() * 4,
    )


def _left(
    X: Float[Tensor, "V D"], prepared: Float[Tensor, "V D"], made: Float[Tensor, "V R"], axes: PrincipalAxes | None
) -> tuple[float, float]:
    lost = energy = cosines = 0.0
    for old, rows, new in zip(*(table.split(_BLOCK_ROWS) for table in (X, prepared, made))):
        again = new if axes is None else new @ axes.axes
        rows = rows if axes is None else rows - axes.origin
        lost += float((rows - again).double().square().sum())
        energy += float(rows.double().square().sum())
        cosines += float((unit_rows(old) * unit_rows(again)).sum())
    return (1 - lost / energy if energy else 1.0), cosines / len(X)
