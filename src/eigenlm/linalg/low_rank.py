"""The best approximation of a matrix by one of lower rank, in the metric that its inputs and outputs set."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ShapeError, explain

# Eigenvalues of a Gram below this fraction of the largest are raised to it: its square root then has a condition of
# at most 1e6, whose inverse keeps ten digits in float64.
_FLOOR = 1e-12


@dataclass(frozen=True)
class RankedFactors:
    """W = B @ A, with components in the order of what they are worth: the first R are the best of rank R.

    Attributes:
        B: (m, K) with K = min(m, n).
        A: (K, n).
        tail: (K + 1) squared error in the metric that is left when the first R components are kept.
    """

    B: Float[Tensor, "m K"]
    A: Float[Tensor, "K n"]
    tail: Float[Tensor, " K1"]

    def at(self, rank: int) -> tuple[Float[Tensor, "m R"], Float[Tensor, "R n"]]:
        """The two thin matrices of the best approximation of this rank."""
        return self.B[:, :rank], self.A[:rank]


def low_rank(
    W: Float[Tensor, "m n"],
    input_gram: Float[Tensor, "a b"] | None = None,
    output_gram: Float[Tensor, "c d"] | Float[Tensor, " c"] | None = None,
    *,
    input_shrinkage: float = 0.0,
    output_shrinkage: float = 0.0,
) -> RankedFactors:
    """Minimise || G^(1/2) (W - B A) C^(1/2) ||_F for every rank at once, in float64.

    With neither Gram this is Eckart and Young's theorem; with C = E[x x^T] the error of the layer's output on its
    inputs; with G = E[g g^T], g the gradient of the loss at the output, its second-order effect on the loss.
    Only symmetric eigenproblems of the smaller side are solved, and no inverse of the larger Gram is taken: with
    n <= m, S = C^(1/2) and S W^T G W S = V diag(tail) V^T give B = W S V and A = V^T S^-1; with m < n likewise from
    the left.

    Args:
        W: (m, n) the matrix.
        input_gram: C (n, n), symmetric and positive semi-definite up to rounding; None for the identity.
        output_gram: G (m, m), likewise, or the diagonal (m) of one that has nothing else.
        input_shrinkage: this part of C is replaced by its mean eigenvalue times the identity, for a Gram of few samples
            (Ledoit and Wolf 2004).
        output_shrinkage: this part of G, likewise.

    Raises:
        ShapeError: sizes that do not fit, or numbers that are not finite.
    """
    m, n = W.shape
    W = _finite("matrix", W)
    C, C_scale = _regular("input Gram", input_gram, n, input_shrinkage, W)
    G, G_scale = _regular("output Gram", output_gram, m, output_shrinkage, W)
    if n <= m:
        root, inverse_root = _square_roots(C)
        tail, V = _components(root @ W.mT @ _times(G, W) @ root)
        B, A = W @ (root @ V), V.mT @ inverse_root
    else:
        root, inverse_root = _square_roots(G)
        tail, U = _components(root @ W @ _times(C, W.mT) @ root)
        B, A = inverse_root @ U, (U.mT @ root) @ W
    return RankedFactors(B, A, _left_over(tail) * C_scale * G_scale)


def tail_in(
    B: Float[Tensor, "m K"],
    A: Float[Tensor, "K n"],
    input_gram: Float[Tensor, "n n"],
    output_gram: Float[Tensor, "m m"] | Float[Tensor, " m"],
) -> Float[Tensor, " K1"]:
    """The squared error that is left when the first R components are kept, in another metric: tr(G D C D^T).

    D is the sum of b_k a_k^T over the components that are left out, and tr(G D C D^T) the sum of
    (b_k^T G b_l) (a_k^T C a_l) over pairs of them.

    Args:
        B: (m, K) factors found in any metric.
        A: (K, n).
        input_gram: C (n, n) of the other.
        output_gram: G (m, m) of the other, or its diagonal (m).
    """
    B, A = B.double(), A.double()
    pairs = (B.mT @ _times(output_gram.double(), B)) * (A @ input_gram.double() @ A.mT)
    left = pairs.flip(0, 1).cumsum(0).cumsum(1).diagonal().flip(0)
    return torch.cat([left.clamp_min(0.0), left.new_zeros(1)])


def _regular(name: str, gram: Tensor | None, size: int, shrinkage: float, like: Tensor) -> tuple[Tensor, float]:
    """A Gram of mean eigenvalue 1, or its diagonal, and its scale; a zero Gram becomes the identity at scale 0."""
    identity = torch.ones(size, dtype=like.dtype, device=like.device)
    if gram is None:
        return identity, 1.0
    if gram.shape not in ((size, size), (size,)):
        raise ShapeError(explain(f"{name} of a low-rank approximation", expected=(size, size), got=tuple(gram.shape)))
    gram = _finite(name, gram)
    scale = float((gram if gram.ndim == 1 else gram.diagonal()).mean())
    if scale <= 0.0:
        return identity, 0.0
    if gram.ndim == 1:
        return (1 - shrinkage) * gram / scale + shrinkage * identity, scale
    return (1 - shrinkage) * (gram / scale + (gram / scale).mT) / 2 + shrinkage * identity.diag(), scale


def _times(gram: Tensor, W: Tensor) -> Tensor:
    """G W, of a Gram or its diagonal."""
    return gram[:, None] * W if gram.ndim == 1 else gram @ W


def _finite(name: str, values: Tensor) -> Tensor:
    values = values.double()
    if not bool(values.isfinite().all()):
        bad = int((~values.isfinite()).sum())
        raise ShapeError(
            explain(f"low-rank approximation, {name}", expected="finite numbers", got=f"{bad} that are not")
        )
    return values


def _square_roots(gram: Tensor) -> tuple[Tensor, Tensor]:
    """gram^(1/2) and gram^(-1/2), with small eigenvalues raised to the floor."""
    values, Q = torch.linalg.eigh(gram.diag() if gram.ndim == 1 else gram)
    roots = values.clamp_min(float(values[-1]) * _FLOOR).sqrt()
    return (Q * roots) @ Q.mT, (Q / roots) @ Q.mT


def _components(M: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, clipped at 0, and eigenvectors of a symmetric matrix, the largest first."""
    values, vectors = torch.linalg.eigh((M + M.mT) / 2)
    return values.flip(0).clamp_min(0.0), vectors.flip(1)


def _left_over(energies: Tensor) -> Tensor:
    """Sum of the energies from each place to the end, and 0 after the last."""
    return torch.cat([energies.flip(0).cumsum(0).flip(0), energies.new_zeros(1)])
