"""The strongest singular vectors of a matrix, and how much two subspaces share."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import ConfigError, ShapeError, explain
from eigenlm.linalg.by_blocks import ByBlocks, tall_blocks
from eigenlm.linalg.decomposition import largest_entry
from eigenlm.linalg.gram import add_gram_

_ROWS = 1024


def leading_subspaces(
    W: Float[Tensor, "m n"] | ByBlocks, rank: int
) -> tuple[Float64[Tensor, "m R"], Float64[Tensor, "n R"]]:
    """Orthonormal bases of the spans of the first R left and right singular vectors of W, in float64.

    The vectors of the smaller side are eigenvectors of its Gram matrix; their images under W, made orthonormal, span
    those of the other. Rounding turns the first subspace by at most about n u sigma_1^2 / (sigma_R^2 - sigma_(R+1)^2)
    (Davis and Kahan), so its last directions mean little where the spectrum is flat.

    Args:
        W: (m, n), finite; it may be one that is read by blocks.
        rank: R; sigma_R has to stand above rounding.

    Raises:
        ConfigError: R outside 1 ... min(m, n).
    """
    m, n = W.shape
    r = min(m, n)
    if not 1 <= rank <= min(m, n):
        raise ConfigError(explain("leading subspaces", expected=f"a rank from 1 to {min(m, n)}", got=rank))
    scale = largest_entry(W) or 1.0
    gram = torch.zeros(r, r, dtype=torch.float64, device=W[:0].device)
    for block in tall_blocks(W, _ROWS):
        add_gram_(gram, block.detach().double() / scale)
    # SciPy could leave the other vectors out, but its threads wait for each other under those of torch.
    V = torch.linalg.eigh(gram).eigenvectors[:, r - rank :].flip(-1)
    images = gram.new_empty(max(m, n), rank)
    for image, block in zip(images.split(_ROWS), tall_blocks(W, _ROWS)):
        image.copy_(block.detach().double() / scale @ V)
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
