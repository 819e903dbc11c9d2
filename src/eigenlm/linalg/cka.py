"""Linear CKA: how alike the similarities are that two layers see between the same samples."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ShapeError, explain


def centred_gram(X: Float[Tensor, "C n"]) -> Float[Tensor, "C C"]:
    """The U-centred Gram matrix of C samples: X X^T without its diagonal, with rows and columns of sum zero.

    Off the diagonal, with k_i the sum of row i of X X^T without its diagonal, and k the sum of all k_i,

        K_ij - (k_i + k_j) / (C - 2) + k / ((C - 1) (C - 2)),

    and 0 on it. The mean product of two such matrices, <K, L> / (C (C - 3)), is the unbiased estimate of HSIC
    (Song et al., JMLR 13, 2012, equation 5; in this form Szekely and Rizzo, arXiv:1310.2926, definition 2): with the
    plain centring, few samples of wide layers look alike whatever the layers hold (arXiv:2010.15327).

    Args:
        X: C samples in rows, in float32 or float64. Its scale does not matter: the largest entry is divided out.

    Raises:
        ShapeError: fewer than four samples.
    """
    C = len(X)
    if C < 4:
        raise ShapeError(explain("centred Gram matrix", expected="at least 4 samples", got=C))
    X = (X - X.mean(0)) / X.abs().amax().clamp_min(torch.finfo(X.dtype).tiny)
    K = (X @ X.mT).fill_diagonal_(0)
    rows = K.sum(1)
    return (K - (rows[:, None] + rows) / (C - 2) + rows.sum() / ((C - 1) * (C - 2))).fill_diagonal_(0)


def cka(grams: Float[Tensor, "L C C"]) -> Float[Tensor, "L L"]:
    """<K_i, K_j> / (|K_i| |K_j|) of every pair of centred Gram matrices, Frobenius products: linear CKA, debiased.

    1 for layers that are alike up to rotation and scale, about 0 for unrelated ones (a little below it by chance).
    A layer where all samples are the same has no similarity to anything: 0 with all others and with itself.

    Source: arXiv:1905.00414, equation 4 with linear kernels; arXiv:2010.15327 for the debiased form.

    >>> X = torch.randn(50, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    >>> rotation = torch.linalg.qr(X[:8]).Q
    >>> cka(torch.stack([centred_gram(X), centred_gram(3 * X @ rotation)])).round(decimals=6).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    flat = grams.flatten(1)
    norms = torch.linalg.vector_norm(flat, dim=1, keepdim=True)
    units = flat / torch.where(norms > 0, norms, 1.0)
    return (units @ units.mT).clamp(-1, 1)
