"""Inverse p-th roots of symmetric positive semi-definite matrices."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ShapeError, explain


def inverse_root(A: Float[Tensor, "*batch m n"], p: int, damping: float = 1e-6) -> Float[Tensor, "*batch m n"]:
    """(A + damping lambda_1 I)^(-1/p) = V diag((lambda_i + damping lambda_1)^(-1/p)) V^T of a symmetric A.

    Args:
        A: symmetric positive semi-definite matrices, (..., m, m); float32 or wider is kept, narrower becomes float32.
        p: which root.
        damping: the ridge as a fraction of the largest eigenvalue (arXiv:2002.09018, section 3.2); eigenvalues that
            rounding made negative count as 0.

    Returns:
        The inverse root; of the zero matrix the identity, as a preconditioner that has seen nothing.

    Raises:
        ShapeError: A is not square.

    >>> inverse_root(torch.diag(torch.tensor([16.0, 1.0], dtype=torch.float64)), 4, damping=0.0).diagonal().tolist()
    [0.5, 1.0]
    """
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ShapeError(explain("inverse root", expected="square matrices (..., m, m)", got=tuple(A.shape)))
    L, V = torch.linalg.eigh(A.to(torch.promote_types(A.dtype, torch.float32)))
    largest = L[..., -1:]
    damped = torch.where(largest > 0, L.clamp_min(0) + damping * largest, 1.0)
    return V * damped.pow(-1 / p)[..., None, :] @ V.mT
