"""Many eigenpairs of a large symmetric matrix that is known by its products with blocks of vectors."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.seeded import seeded
from eigenlm.progress import track

_BLOCK = 16  # vectors that share a product: with fewer, A is read more often; with more, powers of A grow slower
_BASIS, _MORE = 4, 128  # how many vectors are kept: times the rank, and more

_ROUNDING = 1e-5  # of a column's length: what is left of it is rounding


@dataclass(frozen=True, kw_only=True)
class DominantEigenpairs:
    """A ~ U diag(values) U^T.

    Attributes:
        values: (R,) of either sign, the largest in absolute value first.
        vectors: (n, R), U, with orthonormal columns.
    """

    values: Float[Tensor, " R"]
    vectors: Float[Tensor, "n R"]


def dominant_eigenpairs(product: Callable[[Tensor], Tensor], n: int, rank: int, *, seed: int = 0) -> DominantEigenpairs:
    """The R eigenpairs of A (n, n) that are largest in absolute value, by a block Krylov method.

    Q spans G, A G, A^2 G, ... of a Gaussian G (n, 16), up to 4 R + 128 vectors, and the eigenpairs of Q^T A Q give
    those of A (Rayleigh and Ritz). Of all polynomials in A, the best is in that space, which takes a fraction of
    the products of subspace iteration where eigenvalues fall slowly, as those of text do (Musco and Musco 2015,
    arXiv:1504.05477). Every block is made orthogonal to all before it. `eigenlm.linalg.eigenpairs` is for few pairs
    that are to be certified, in bounded memory; here they are hundreds, and all of Q is kept.

    Args:
        product: A times a block (n, k).
        n: the size of A.
        rank: R.
        seed: of the Gaussian.

    Raises:
        ConfigError: R outside 1 ... n.

    >>> A = torch.diag(torch.tensor([5.0, -3.0, 1.0, 0.5]))
    >>> dominant_eigenpairs(lambda X: A @ X, 4, 2).values.round(decimals=4).tolist()
    [5.0, -3.0]
    """
    if not 1 <= rank <= n:
        raise ConfigError(explain("eigenpairs", expected=f"a number of them from 1 to {n:,}", got=rank))
    most = min(n, _BASIS * rank + _MORE)
    basis, small = torch.empty(n, most), torch.zeros(most, most)
    generator = seeded(seed)
    block = torch.linalg.qr(torch.randn(n, min(_BLOCK, n), generator=generator)).Q
    for start in track(range(0, most, _BLOCK), "finding eigenvectors"):
        stop = min(start + _BLOCK, most)
        basis[:, start:stop] = block
        Q = basis[:, :stop]
        image = product(basis[:, start:stop])
        small[:stop, start:stop] = Q.mT @ image
        block = _new(image[:, : most - stop], Q, generator)
    upper = small.triu().double()
    values, vectors = torch.linalg.eigh(upper + upper.triu(1).mT)
    order = values.abs().argsort(descending=True)[:rank]
    return DominantEigenpairs(values=values[order].float(), vectors=basis @ vectors[:, order].float())


def _new(X: Float[Tensor, "n k"], Q: Float[Tensor, "n m"], generator: torch.Generator) -> Float[Tensor, "n k"]:
    """Orthonormal columns that span those of X as far as they lie outside Q; random ones stand in where they do not."""
    outside = X - Q @ (Q.mT @ X)
    gone = torch.linalg.vector_norm(outside, dim=0) <= _ROUNDING * torch.linalg.vector_norm(X, dim=0)
    outside[:, gone] = torch.randn(len(X), int(gone.sum()), generator=generator)
    for _ in range(2):
        outside = torch.linalg.qr(outside - Q @ (Q.mT @ outside)).Q
    return outside
