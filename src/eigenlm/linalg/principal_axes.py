"""Principal component analysis: the directions along which rows vary most, or along which they are longest."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import ShapeError, explain

_BLOCK_ROWS = 8192


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """The eigenvectors of rows' second moments about a point, the largest eigenvalue first.

    Attributes:
        centre: the point: the mean of the rows, or zero.
        directions: rows of length 1 and at right angles to each other, the entry largest in magnitude positive.
        moments: the mean square of the rows along each direction: its variance, where the centre is the mean.
    """

    centre: Float64[Tensor, " n"]
    directions: Float64[Tensor, "n n"]
    moments: Float64[Tensor, " n"]

    def share(self, count: int) -> float:
        """The part of the sum of all moments that the first directions have; 0 where there is nothing to share."""
        total = float(self.moments.sum())
        return float(self.moments[:count].sum()) / total if total > 0 else 0.0

    def coordinates(self, X: Float[Tensor, "m n"], count: int) -> Float64[Tensor, "m _"]:
        """(x - centre) along the first directions."""
        return (X.double() - self.centre) @ self.directions[:count].mT


def principal_axes(X: Float[Tensor, "m n"], *, centred: bool = True) -> PrincipalAxes:
    """sum over rows of (x - c)(x - c)^T / m = sum of l_i v_i v_i^T, in float64; rows are read by blocks.

    Args:
        X: rows are samples.
        centred: c is the mean of the rows; else it is zero, and the directions are X's right singular vectors.

    Raises:
        ShapeError: no rows, or rows of no numbers.

    >>> found = principal_axes(torch.tensor([[0.0, 1.0], [4.0, 1.0]]))
    >>> found.directions[0].tolist(), found.moments.tolist(), found.share(1)
    ([1.0, 0.0], [4.0, 0.0], 1.0)
    """
    if X.ndim != 2 or not X.numel():
        raise ShapeError(explain("principal axes", expected="a matrix with rows", got=tuple(X.shape)))
    m, n = X.shape
    blocks = X.split(_BLOCK_ROWS)
    centre = torch.stack([block.double().sum(0) for block in blocks]).sum(0) / m if centred else X.new_zeros(n).double()
    moment = torch.zeros(n, n, dtype=torch.float64)
    for block in blocks:
        away = block.double() - centre
        moment.addmm_(away.mT, away)
    values, vectors = torch.linalg.eigh(moment / m)
    directions = vectors.mT.flip(0)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return PrincipalAxes(centre, directions * largest.sign(), values.flip(0).clamp_min(0))
