"""Singular values and the thin SVD, by the Gram matrix where its error bound allows and by LAPACK's SVD elsewhere.

The eigenvalues of the smaller Gram matrix, G = W^T W or W W^T, are the squared singular values, and cost a third of an
SVD. Squaring has a price: rounding moves every eigenvalue of G by up to n u sigma_1^2, with u = 2^-53 and n the smaller
side (LAPACK Users' Guide, section 4.7, with its customary p(n) = n), hence

    |error of sigma| / sigma  <=  n u / 2 * (sigma_1 / sigma)^2 .

Where the smallest singular value breaks the promised error, the matrix is decomposed without squaring.
"""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import DataError, ShapeError, explain
from eigenlm.linalg.by_blocks import ByBlocks, row_blocks, tall_blocks
from eigenlm.linalg.gram import add_gram_

_UNIT_ROUNDOFF = torch.finfo(torch.float64).eps / 2
# Small blocks leave little behind in the allocator; QR repeats the work on R with every block, so its are larger.
_GRAM_ROWS, _QR_ROWS = 1024, 4096


def singular_values(
    W: Float[Tensor, "*batch m n"] | ByBlocks, rel_error: float = 1e-6, abs_error: float = 0.0
) -> Float64[Tensor, "*batch r"]:
    """All min(m, n) singular values in float64, descending, each within an error of the true one or as LAPACK's SVD.

    W is read in float64 by blocks along its longer side, so beside W only a square of its smaller side is held.

    Args:
        W: matrices of any floating type, (..., m, n), or one that is read by blocks.
        rel_error: the relative error up to which the Gram shortcut is taken.
        abs_error: or the absolute one; it is at most sqrt(n u) sigma_1, where the true value is 0.

    Returns:
        sigma_1 >= ... >= sigma_min(m, n), (..., min(m, n)).

    Raises:
        ShapeError: W is no matrix, or an empty one.
        DataError: W holds NaN or infinity, or is not floating point.

    >>> singular_values(torch.tensor([[3.0, 0.0], [0.0, -4.0]])).tolist()
    [4.0, 3.0]
    """
    if isinstance(W, ByBlocks):
        return _values(W, rel_error, abs_error)
    _check(W, "singular values")
    matrices = W.detach().reshape(-1, *W.shape[-2:])
    return torch.stack([_values(matrix, rel_error, abs_error) for matrix in matrices]).reshape(*W.shape[:-2], -1)


def svd(
    W: Float[Tensor, "*batch m n"],
) -> tuple[Float[Tensor, "*batch m r"], Float[Tensor, "*batch r"], Float[Tensor, "*batch r n"]]:
    """The thin SVD, W = U diag(S) Vh, computed in float64 and returned in W's precision (float32 for half types).

    Tall or wide matrices go through their Gram matrix when the loss of orthogonality, n u (sigma_1 / sigma_n)^2, stays
    below the rounding of the result; everything else is LAPACK's SVD. Signs are arbitrary, as in `torch.linalg.svd`.

    Raises:
        ShapeError: W is no matrix, or an empty one.
        DataError: W holds NaN or infinity, or is not floating point.
    """
    _check(W, "SVD")
    m, n = W.shape[-2:]
    dtype = W.dtype if W.dtype in (torch.float32, torch.float64) else torch.float32
    triples = [_triple(matrix, torch.finfo(dtype).eps) for matrix in W.detach().reshape(-1, m, n)]
    U, S, Vh = (torch.stack(parts).to(dtype) for parts in zip(*triples))
    batch, r = W.shape[:-2], min(m, n)
    return U.reshape(*batch, m, r), S.reshape(*batch, r), Vh.reshape(*batch, r, n)


def _values(W: Tensor | ByBlocks, rel_error: float, abs_error: float) -> Tensor:
    exponent = _exponent(W) if W[:0].dtype == torch.float64 else 0  # squares of the narrower types fit into float64
    gram = _gram(W, exponent)
    if not bool(gram.diagonal().isfinite().all()):
        raise _not_finite(W)
    S = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt().flip(-1)
    near = math.sqrt(len(S) * _UNIT_ROUNDOFF) * float(S[0]) * 2.0**exponent <= abs_error
    if not near and _gram_error(S) > 2 * rel_error:
        S = torch.linalg.svdvals(_triangle(W, exponent))
    return S * 2.0**exponent


def _triple(W: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    m, n = W.shape
    if m < n:
        U, S, Vh = _triple(W.mT, eps)
        return Vh.mT, S, U.mT
    exponent = _exponent(W)
    scaled = W.double() * 2.0**-exponent
    if m >= 2 * n and n * _UNIT_ROUNDOFF <= eps:
        L, V = torch.linalg.eigh(_gram(W, exponent))
        S, V = L.clamp_min(0).sqrt().flip(-1), V.flip(-1)
        if 0 < _gram_error(S) <= eps:
            return scaled @ V / S, S * 2.0**exponent, V.mT
    U, S, Vh = torch.linalg.svd(scaled, full_matrices=False)
    return U, S * 2.0**exponent, Vh


def _gram_error(S: Tensor) -> float:
    """n u (sigma_1 / sigma_n)^2: zero for the zero matrix, infinite for a singular one."""
    largest, smallest = S[0].item(), S[-1].item()
    if largest == 0:
        return 0.0
    return len(S) * _UNIT_ROUNDOFF * (largest / smallest) ** 2 if smallest > 0 else math.inf


def _gram(W: Tensor | ByBlocks, exponent: int) -> Tensor:
    """The lower triangle of W^T W, or of W W^T if that is smaller."""
    r = min(W.shape)
    gram = torch.zeros(r, r, dtype=torch.float64, device=W[:0].device)
    for block in _blocks(W, exponent, _GRAM_ROWS):
        add_gram_(gram, block)
    return gram


def _triangle(W: Tensor | ByBlocks, exponent: int) -> Tensor:
    """R of W = QR or W^T = QR, a block of rows at a time; its singular values are those of W."""
    R = torch.zeros(0, min(W.shape), dtype=torch.float64, device=W[:0].device)
    for block in _blocks(W, exponent, _QR_ROWS):
        R = torch.linalg.qr(torch.cat([R, block]), mode="r").R
    return R


def _blocks(W: Tensor | ByBlocks, exponent: int, rows: int) -> Iterator[Tensor]:
    for block in tall_blocks(W, rows):
        yield block.to(torch.float64, copy=True).mul_(2.0**-exponent)


def _exponent(W: Tensor | ByBlocks) -> int:
    """The power of two to divide by, exactly, so that squares of float64 entries neither overflow nor vanish."""
    peak = largest_entry(W)
    if not math.isfinite(peak):
        raise _not_finite(W)
    return max(-1000, min(1000, math.frexp(peak)[1]))


def _not_finite(W: Tensor | ByBlocks) -> DataError:
    count, total = sum(int((~block.isfinite()).sum()) for block in row_blocks(W)), math.prod(W.shape)
    return DataError(explain("singular values", expected="finite numbers", got=f"{count} NaN or infinite of {total}"))


def largest_entry(W: Float[Tensor, "m n"] | ByBlocks) -> float:
    """max |W_ij|: NaN if some entry is, else infinite if some entry is."""
    # Either bound is NaN when some entry is, and they cost no copy of W. Tensors kept from block to block would split
    # the space in which the next one is read.
    bounds = [torch.stack(block.aminmax()).abs().max().item() for block in row_blocks(W)]
    return torch.tensor(bounds, dtype=torch.float64).max().item()


def _check(W: Tensor, operation: str) -> None:
    if W.ndim < 2 or 0 in W.shape:
        raise ShapeError(explain(operation, expected="a matrix (..., m, n) that is not empty", got=tuple(W.shape)))
    if not W.is_floating_point():
        raise DataError(explain(operation, expected="floating-point numbers", got=W.dtype, do="convert with .float()"))
