"""The strongest singular vectors of a matrix, and how much two subspaces share."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import ConfigError, ShapeError, explain
from eigenlm.linalg.by_blocks import ByBlocks, tall_blocks
from eigenlm.linalg.decomposition import largest_entry
from eigenlm.linalg.gram import add_gram_

_ROWS = 1024
_UNIT_ROUNDOFF = torch.finfo(torch.float64).eps / 2


@dataclass(frozen=True, eq=False)
class GramEigenvectors:
    """The singular values and subspaces of W by the eigenvectors of its smaller Gram matrix, in float64.

    Attributes:
        W: (m, n), finite; it may be one that is read by blocks.
        scale: the largest entry of W.
        singular_values: (r,) all of them, descending. Rounding moves each by up to n u sigma_1^2 / (2 sigma) and at
            most sqrt(n u) sigma_1, u = 2^-53 and n the smaller side.
        eigenvectors: (r, r) in the same order.
    """

    W: Float[Tensor, "m n"] | ByBlocks
    scale: float
    singular_values: Float64[Tensor, " r"]
    eigenvectors: Float64[Tensor, "r r"]

    @classmethod
    def of(cls, W: Float[Tensor, "m n"] | ByBlocks) -> "GramEigenvectors":
        """Decompose the Gram matrix of W, (m, n)."""
        r = min(W.shape)
        scale = largest_entry(W) or 1.0
        gram = torch.zeros(r, r, dtype=torch.float64, device=W[:0].device)
        for block in tall_blocks(W, _ROWS):
            add_gram_(gram, block.detach().double() / scale)
        # SciPy could leave the other vectors out, but its threads wait for each other under those of torch.
        L, V = torch.linalg.eigh(gram)
        return cls(W, scale, L.clamp_min(0).sqrt().flip(-1) * scale, V.flip(-1))

    def num_accurate(self, rel_error: float = 1e-6) -> int:
        """How many of the singular values, the largest first, are surely as near to the true ones."""
        S = self.singular_values / self.scale
        least = S[0] * math.sqrt(len(S) * _UNIT_ROUNDOFF / (2 * rel_error))
        return int((least <= S).sum())

    def leading_subspaces(self, rank: int) -> tuple[Float64[Tensor, "m R"], Float64[Tensor, "n R"]]:
        """Orthonormal bases of the spans of the first R left and right singular vectors of W.

        The vectors of the smaller side are the eigenvectors; their images under W, made orthonormal, span those of the
        other. Rounding turns the first subspace by at most about n u sigma_1^2 / (sigma_R^2 - sigma_(R+1)^2) (Davis and
        Kahan), so its last directions mean little where the spectrum is flat.

        Args:
            rank: R; sigma_R has to stand above rounding.

        Raises:
            ConfigError: R outside 1 ... min(m, n).
        """
        m, n = self.W.shape
        if not 1 <= rank <= min(m, n):
            raise ConfigError(explain("leading subspaces", expected=f"a rank from 1 to {min(m, n)}", got=rank))
        V = self.eigenvectors[:, :rank]
        images = V.new_empty(max(m, n), rank)
        for image, block in zip(images.split(_ROWS), tall_blocks(self.W, _ROWS)):
            image.copy_(block.detach().double() / self.scale @ V)
        U = torch.linalg.qr(images).Q
        return (U, V) if m >= n else (V, U)


def subspace_overlap(U: Float[Tensor, "n R"], V: Float[Tensor, "n _"]) -> float:
    """The mean squared cosine of the principal angles between two spans, ||U^T V||_F^2 / R, from 0 to 1.

    The cosines are the singular values of U^T V (Bjorck and Golub 1973). A random subspace shares R / n with any other
    in the mean.

    Args:
        U: (n, R) orthonormal columns.
        V: (n, R) orthonormal columns.

    Raises:
        ShapeError: bases of two sizes.

    >>> e = torch.eye(3)
    >>> subspace_overlap(e[:, :2], e[:, 1:])
    0.5
    """
    if U.shape != V.shape:
        raise ShapeError(
            explain("subspace overlap", expected="two bases of one size", got=f"{tuple(U.shape)} and {tuple(V.shape)}")
        )
    return float((U.mT @ V).square().sum() / U.shape[1])
