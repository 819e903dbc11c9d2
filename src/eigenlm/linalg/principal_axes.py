"""The directions in which rows of a table are longest or most spread, and the table in fewer numbers a row."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.gram import add_gram_

_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class PrincipalAxes:
    """Orthonormal directions through a point.

    Attributes:
        origin: (D) the mean of the rows, or zero.
        axes: A (R, D), orthonormal rows, the one of most energy first.
        energies: (D) sum over rows of their squared lengths along each axis, of all D, descending.
    """

    origin: Float[Tensor, " D"]
    axes: Float[Tensor, "R D"]
    energies: Float64[Tensor, " D"]

    def coordinates(self, X: Float[Tensor, "m D"]) -> Float[Tensor, "m R"]:
        """(X - origin) A^T: R numbers for each row."""
        return torch.cat([(rows - self.origin) @ self.axes.mT for rows in X.split(_BLOCK_ROWS)])

    def without(self, X: Float[Tensor, "m D"]) -> Float[Tensor, "m D"]:
        """X - origin with nothing left along the axes, (X - origin) (I - A^T A)."""
        rest = torch.cat([rows - self.origin for rows in X.split(_BLOCK_ROWS)])
        for rows in rest.split(_BLOCK_ROWS):
            rows -= rows @ self.axes.mT @ self.axes
        return rest


def principal_axes(X: Float[Tensor, "m D"], rank: int, *, centred: bool) -> PrincipalAxes:
    """The R directions that keep most of the rows' energy: of all directions, the squared error is least.

    Centred, they are the principal components (Pearson 1901); not centred, the right singular vectors of X (Eckart and
    Young 1936). Eigenvectors of X^T X, summed in float64 by blocks: beside X a square of its width is held. The signs
    are such that the largest entry of each axis is positive.

    Args:
        X: (m, D), finite.
        rank: R, from 1 to D.
        centred: whether the mean of the rows is subtracted.

    Raises:
        ConfigError: R outside 1 ... D.

    >>> principal_axes(torch.tensor([[3.0, 0.0], [0.0, 2.0]]), 1, centred=False).axes.tolist()
    [[1.0, 0.0]]
    """
    m, D = X.shape
    if not 1 <= rank <= D:
        raise ConfigError(explain("principal axes", expected=f"from 1 to {D} numbers a row", got=rank))
    origin = torch.zeros(D, dtype=torch.float64, device=X.device)
    if centred:
        origin = sum((rows.double().sum(0) for rows in X.split(_BLOCK_ROWS)), origin) / m
    gram = torch.zeros(D, D, dtype=torch.float64, device=X.device)
    for rows in X.split(_BLOCK_ROWS):
        add_gram_(gram, rows.double() - origin)
    energies, V = torch.linalg.eigh(gram)
    axes = V.mT.flip(0)[:rank]
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    return PrincipalAxes(origin.to(X.dtype), (axes * signs).to(X.dtype), energies.clamp_min(0).flip(0))
