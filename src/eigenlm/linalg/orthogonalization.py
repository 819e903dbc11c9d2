"""The polar factor of a matrix by matrix products alone, as the Muon optimizer needs it: fast, and near enough.

X = U diag(sigma) Vh has the polar factor U Vh. An odd polynomial applied to X acts on its singular values,

    p(X) = a X + b (X X^T) X + c (X X^T)^2 X = U diag(a sigma + b sigma^3 + c sigma^5) Vh ,

and a few, each the best for the interval that the last one left (Polar Express, arXiv:2505.16932, algorithm 1), bring
every sigma near 1. Three things make it cheap here:

- The interval is the matrix's own. sigma_1 <= ||(X X^T)^2||_F^(1/4) is within m^(1/8) of the truth and costs nothing,
  as the first polynomial needs (X X^T)^2 anyhow; the Frobenius norm, the usual bound, is up to sqrt(m) too large, and
  each factor 4 costs one more step. An even spectrum takes three steps, a steep one five.
- A long matrix stays out of it. Let X be wide, Q = X X^T and P = a I + b Q + c Q^2: steps are X -> ... P_2 P_1 X with
  Q -> P Q P, all of them (m, m). In bfloat16 Q loses the sigma below sqrt(2^-9) sigma_1, and what is left in their
  place grows, so after at most three steps X is multiplied out, and Q formed anew.
- X X^T is symmetric: blocks below the diagonal are copied from above.
"""

import math
from functools import cache
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ShapeError, explain
from eigenlm.machine.kernels import multiplies_bfloat16

Quintic = tuple[float, float, float]

SMALLEST = 1.9e-3
"""Singular values from here up, as a fraction of the Frobenius norm, are brought near 1; smaller ones grow as much."""
TOLERANCE = 0.22
"""How near. Muon's five fixed quintics leave 0.32 from 1.4e-3 up."""

# Rounding may push a sigma over the interval's end, beyond which a polynomial leaves 1 fast (arXiv:2505.16932, 3.4).
_SAFETY = 1.01
# bfloat16 keeps Q's small eigenvalues true enough for three steps; measured, the fourth may diverge.
_LONGEST_STAGE = 3
# Rows of X X^T formed at once: enough for a product to run at full speed.
_STRIP = 256


def orthogonalize(X: Float[Tensor, "*batch m n"], dtype: torch.dtype | None = None) -> Float[Tensor, "m n"]:
    """The polar factor U Vh of X = U diag(sigma) Vh, its singular values within `TOLERANCE` of 1.

    sigma_i >= SMALLEST ||X||_F -> [1 - TOLERANCE, 1 + TOLERANCE], up to the rounding of `dtype`; smaller ones are
    multiplied by the same slope, and zero stays zero.

    Args:
        X: a matrix, (m, n).
        dtype: of the products; by default `product_dtype` of X's device.

    Returns:
        U Vh in `dtype`.

    Raises:
        ShapeError: X is no matrix.

    Source: https://kellerjordan.github.io/posts/muon; arXiv:2505.16932.

    >>> orthogonalize(torch.tensor([[3.0, 0.0], [0.0, -4.0]]), torch.float64).round(decimals=1).tolist()
    [[1.0, 0.0], [0.0, -1.0]]
    """
    if X.ndim != 2:
        raise ShapeError(explain("orthogonalize", expected="a matrix (m, n)", got=tuple(X.shape)))
    dtype = product_dtype(X.device) if dtype is None else dtype
    tall = X.shape[0] > X.shape[1]
    size = torch.linalg.vector_norm(X, dtype=torch.promote_types(X.dtype, torch.float32))
    Y = torch.empty_like(X, dtype=dtype)
    torch.div(X, size.clamp_min(torch.finfo(size.dtype).tiny), out=Y)
    Q = _gram(Y)
    Q_squared = Q @ Q
    largest = torch.linalg.vector_norm(Q_squared.to(size.dtype)).item() ** 0.25
    if not 0 < largest < math.inf:
        return X.to(dtype)  # zero, NaN or infinite: nothing to turn
    first, *others = _stages(_steps(SMALLEST, largest), Y)
    T = _multiplier(Q, Q_squared, first)
    Y = Y @ T if tall else T @ Y
    for stage in others:
        T = _multiplier(_gram(Y), None, stage)
        Y = Y @ T if tall else T @ Y
    return Y


def product_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it faster than float32 (any accelerator; AVX512-BF16, AMX), or float32."""
    quick = device.type != "cpu" or multiplies_bfloat16()
    return torch.bfloat16 if quick else torch.float32


@cache
def optimal_quintic(low: float, high: float) -> Quintic:
    """(a, b, c) of the odd p(x) = a x + b x^3 + c x^5 that is nearest to 1 on [low, high], in the largest deviation.

    p - 1 takes its extreme, with changing sign, at low, q, r and high, where q and r are the roots of p'. Remez:
    solve for (a, b, c) and the extreme at four such points, move q and r to the roots, and again (arXiv:2505.16932,
    appendix F).
    """
    if low > 0.9999 * high:  # the limit, which the system is too ill-conditioned to find
        x = (low + high) / 2
        return 15 / 8 / x, -10 / 8 / x**3, 3 / 8 / x**5
    points, extreme = torch.linspace(low, high, 4, dtype=torch.float64), math.inf
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    while True:
        powers = torch.stack([points, points**3, points**5, sign], dim=1)
        a, b, c, error = torch.linalg.solve(powers, torch.ones(4, dtype=torch.float64)).tolist()
        if abs(error - extreme) <= 1e-12:
            return a, b, c
        extreme, root = error, math.sqrt(9 * b * b - 20 * a * c)
        points[1], points[2] = math.sqrt((-3 * b - root) / (10 * c)), math.sqrt((-3 * b + root) / (10 * c))


@cache
def composition(low: float, tolerance: float) -> tuple[Quintic, ...]:
    """The fewest quintics, each optimal in its turn, that together take [low, 1] into [1 - tolerance, 1 + tolerance].

    Each is p(x / s) with s = 1.01, p being optimal on [low / s, high], so that it bears an x up to s times too large.

    Source: arXiv:2505.16932, theorem 3.1 (greedy is optimal) and algorithm 1.
    """
    high = 1.0
    steps: list[Quintic] = []
    while not steps or 1 - low > tolerance:
        low = low / _SAFETY
        a, b, c = optimal_quintic(low, high)
        low = a * low + b * low**3 + c * low**5
        high = 2 - low
        steps.append(_scaled((a, b, c), _SAFETY))
    return tuple(steps)


def _steps(smallest: float, largest: float) -> list[Quintic]:
    """The polynomials for a spectrum in [smallest, largest]."""
    # Rounded down to a power of 2^(1/64), so that few intervals are ever solved for.
    low = 2.0 ** (math.floor(64 * math.log2(min(smallest / largest, 0.5))) / 64)
    first, *rest = composition(low, TOLERANCE)
    return [_scaled(first, largest), *rest]


def _scaled(step: Quintic, s: float) -> Quintic:
    """The coefficients of p(x / s)."""
    a, b, c = step
    return a / s, b / s**3, c / s**5


def _stages(steps: list[Quintic], Y: Tensor) -> list[list[Quintic]]:
    """The steps in groups between which Y is multiplied out and its Gram matrix formed anew."""
    m, n = sorted(Y.shape)
    # Inside a stage a step costs three products of (m, m) more; a new stage costs m n m twice, once of it by half.
    if n < 1.5 * m:
        return [[step] for step in steps]
    count = math.ceil(len(steps) / _LONGEST_STAGE) if Y.dtype == torch.bfloat16 else 1
    cuts = [len(steps) * i // count for i in range(count + 1)]
    return [steps[i:j] for i, j in pairwise(cuts)]


def _multiplier(Q: Tensor, Q_squared: Tensor | None, stage: list[Quintic]) -> Tensor:
    """T = P_k ... P_1 of a stage, with Q -> P_i Q P_i after each step."""
    T = P = _polynomial(stage[0], Q, Q_squared)
    for step in stage[1:]:
        Q = P @ Q @ P
        P = _polynomial(step, Q)
        T = P @ T
    return T


def _polynomial(step: Quintic, Q: Tensor, Q_squared: Tensor | None = None) -> Tensor:
    """P = a I + b Q + c Q^2."""
    a, b, c = step
    P = torch.addmm(Q, Q, Q, beta=b, alpha=c) if Q_squared is None else torch.add(Q * b, Q_squared, alpha=c)
    P.diagonal().add_(a)
    return P


def _gram(Y: Tensor) -> Tensor:
    """The smaller of Y Y^T and Y^T Y by strips of rows, from the diagonal rightwards; what is left of it is copied."""
    X = Y if Y.shape[0] <= Y.shape[1] else Y.mT
    m, n = X.shape
    if m * n < 2 * _STRIP**2:  # too little to save
        return X @ X.mT
    Q = X.new_empty(m, m)
    for i in range(0, m, _STRIP):
        j = min(i + _STRIP, m)
        torch.mm(X[i:j], X[i:].mT, out=Q[i:j, i:])
        Q[j:, i:j] = Q[i:j, j:].mT
    return Q
