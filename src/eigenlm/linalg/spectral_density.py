"""How the eigenvalues of a symmetric operator are spread, from a few runs of Lanczos."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.inner_product import inner_product, length
from eigenlm.linalg.symmetric_operator import SymmetricOperator
from eigenlm.linalg.trace import interval, signs

# Two Gaussians at neighbouring nodes of evenly spread ones overlap up to this ratio of maximum to minimum.
_RIPPLE = 1.05


@dataclass(frozen=True, kw_only=True)
class SpectralDensity:
    """The share of eigenvalues at each place of the axis.

    Attributes:
        grid: eigenvalues at which the density is told, at even distances.
        density: share of eigenvalues per unit there, smoothed; it integrates to one.
        low: lower end of its 95 % interval over probes.
        high: its upper end.
        width: standard deviation of the Gaussian that smooths it.
        mean: of all eigenvalues, tr A / n.
        mean_error: its standard error.
        mean_square: of all eigenvalues, tr A^2 / n.
        mean_square_error: its standard error.
        probes: random starts.
        steps: products with A from each.
    """

    grid: tuple[float, ...]
    density: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    width: float
    mean: float
    mean_error: float
    mean_square: float
    mean_square_error: float
    probes: int
    steps: int


def spectral_density(
    operator: SymmetricOperator,
    *,
    steps: int = 80,
    probes: int = 4,
    points: int = 200,
    seed: int = 0,
) -> SpectralDensity:
    """phi(t) ~ mean over probes of sum_k tau_k^2 g(t - theta_k), by stochastic Lanczos quadrature.

    theta_k and tau_k^2 are nodes and weights of the Gauss rule of each random start, g a Gaussian as wide as the nodes
    of `steps` products can resolve (arXiv:1308.5467, section 3.2; Ubaru, Chen and Saad 2017).

    Args:
        operator: A.
        steps: products from each start.
        probes: starts, at least two, for the interval.
        points: of the grid.
        seed: of the starts.

    Raises:
        ConfigError: too few steps, probes or points.
        DataError: a product is not finite.
    """
    for name, got in (("steps", steps), ("probes", probes), ("points", points)):
        if got < 2:
            raise ConfigError(explain(f"spectral density: {name}", expected="at least 2", got=got))
    rules = [gauss_rule(operator, signs(operator, seed, i), steps) for i in range(probes)]
    every = torch.cat([nodes for nodes, _ in rules])
    low, high = float(every.min()), float(every.max())
    span = high - low or max(abs(high), 1.0)
    width = span / ((steps - 1) * math.sqrt(8 * math.log(_RIPPLE)))
    grid = torch.linspace(low - 3 * width, high + 3 * width, points, dtype=torch.float64)
    smooth = [weights @ _gaussian(grid - nodes[:, None], width) for nodes, weights in rules]
    density, _, half = interval(torch.stack(smooth))
    moments = torch.tensor([[float(w @ x), float(w @ x.square())] for x, w in rules], dtype=torch.float64)
    mean, error, _ = interval(moments)
    return SpectralDensity(
        grid=tuple(grid.tolist()),
        density=tuple(density.tolist()),
        low=tuple((density - half).clamp_min(0).tolist()),
        high=tuple((density + half).tolist()),
        width=width,
        mean=float(mean[0]),
        mean_error=float(error[0]),
        mean_square=float(mean[1]),
        mean_square_error=float(error[1]),
        probes=probes,
        steps=steps,
    )


def gauss_rule(
    A: SymmetricOperator, start: Float[Tensor, "n"], steps: int
) -> tuple[Float64[Tensor, "m"], Float64[Tensor, "m"]]:
    """Nodes theta_k and weights tau_k^2 with sum_k tau_k^2 f(theta_k) ~ z^T f(A) z, z = start / ||start||.

    Exact for polynomials f up to degree 2 steps - 1: eigenvalues of Lanczos' tridiagonal matrix, and the squares of
    the first entries of its eigenvectors (Golub and Meurant 2010, section 4.3). Three vectors are held: without
    orthogonalising again, rounding splits nodes that have converged into copies, whose weights add up to the same
    (Greenbaum 1989).
    """
    previous, q = torch.zeros_like(start), start / length(start)
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(steps, A.n)):
        w = A @ q
        diagonal.append(inner_product(w, q))
        w.sub_(q, alpha=diagonal[-1]).sub_(previous, alpha=beside[-1] if beside else 0.0)
        beside.append(length(w))
        if beside[-1] <= 16 * torch.finfo(A.dtype).eps * max(map(abs, diagonal + beside[:-1])):
            break  # the start lies in a space that A does not lead out of
        previous, q = q, w.div_(beside[-1])
    T, off = torch.diag(torch.tensor(diagonal, dtype=torch.float64)), torch.tensor(beside[:-1], dtype=torch.float64)
    nodes, S = torch.linalg.eigh(T + torch.diag(off, 1) + torch.diag(off, -1))
    return nodes, S[0].square()


def _gaussian(x: Tensor, width: float) -> Tensor:
    return torch.exp(-(x / width).square() / 2) / (width * math.sqrt(2 * math.pi))
