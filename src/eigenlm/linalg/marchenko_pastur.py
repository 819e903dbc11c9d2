"""The singular values of pure noise: where they lie, where they end, and which singular values stand out of them."""

import functools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from scipy.optimize import brentq
from torch import Tensor

from eigenlm.errors import ShapeError, explain

# The quantile at 99 % of the Tracy-Widom law for real matrices (Johnstone 2001, table 1).
_TRACY_WIDOM_99 = 2.0234
# Below this the median says too little about a distribution to fit one by it.
FEWEST_VALUES = 8


@dataclass(frozen=True, kw_only=True)
class MarchenkoPastur:
    """The law of the squared singular values of an m x n matrix of independent entries of mean 0.

    With p <= q the two sides and s the standard deviation of an entry, all but a vanishing share of lambda = sigma^2
    fall between lambda_-+ = s^2 (sqrt(q) -+ sqrt(p))^2, with the density
    sqrt((lambda_+ - x) (x - lambda_-)) / (2 pi s^2 p x) (Marchenko and Pastur, Math. USSR-Sbornik 1, 1967). It holds
    in the limit of large sides, and well from some tens on.

    Attributes:
        rows: m.
        columns: n.
        std: s.
    """

    rows: int
    columns: int
    std: float

    @property
    def sigma_minus(self) -> float:
        """The lower edge of the singular values, s (sqrt(q) - sqrt(p)); 0 for a square matrix."""
        p, q = self._sides
        return self.std * (math.sqrt(q) - math.sqrt(p))

    @property
    def sigma_plus(self) -> float:
        """The upper edge of the singular values, s (sqrt(q) + sqrt(p))."""
        p, q = self._sides
        return self.std * (math.sqrt(q) + math.sqrt(p))

    @property
    def tracy_widom_scale(self) -> float:
        """How far the largest singular value of noise strays from `sigma_plus`, in its own units.

        The largest lambda is s^2 (mu + tau w), w after Tracy and Widom, mu = (sqrt(q - 1) + sqrt(p))^2 and
        tau = sqrt(mu) (1 / sqrt(q - 1) + 1 / sqrt(p))^(1/3) (Johnstone, Annals of Statistics 29, 2001, eq. 1.3);
        a singular value moves by s tau / (2 sqrt(mu)).
        """
        root_mu, tau = self._largest
        return self.std * tau / (2 * root_mu)

    @property
    def largest_noise(self) -> float:
        """The singular value that the largest one of pure noise exceeds in one matrix of a hundred."""
        root_mu, tau = self._largest
        return self.std * math.sqrt(root_mu**2 + _TRACY_WIDOM_99 * tau)

    def cdf(self, S: Float[Tensor, "*batch r"]) -> Float64[Tensor, "*batch r"]:
        """The share of the law's singular values that are at most each of `S`."""
        p, q = self._sides
        return _cdf((S.double() / self.std).square() / q, p / q)

    @property
    def _sides(self) -> tuple[int, int]:
        return min(self.rows, self.columns), max(self.rows, self.columns)

    @property
    def _largest(self) -> tuple[float, float]:
        """sqrt(mu) and tau at s = 1."""
        p, q = self._sides
        root_mu = math.sqrt(q - 1) + math.sqrt(p)
        return root_mu, root_mu * (1 / math.sqrt(q - 1) + 1 / math.sqrt(p)) ** (1 / 3)


def fit_marchenko_pastur(S: Float[Tensor, " r"], rows: int, columns: int) -> MarchenkoPastur | None:
    """The law whose median is the spectrum's: s = median(sigma_i) / sqrt(q x), x the median of lambda / q at s = 1.

    Spikes do not move a median much, whatever their size, as long as they are few; where they are a share e of all, it
    is the law's quantile 1/2 + e/2 that is matched, so s comes out too large (Gavish and Donoho, arXiv:1305.5870,
    section III-E).

    Args:
        S: all min(m, n) singular values, descending.
        rows: m.
        columns: n.

    Returns:
        The law; None for fewer than eight singular values, or where half of them are zero, so that nothing is spread.

    Raises:
        ShapeError: their number is not min(m, n).
    """
    r = min(rows, columns)
    if len(S) != r:
        raise ShapeError(
            explain("Marchenko-Pastur fit", expected=f"{r} singular values of {rows} x {columns}", got=len(S))
        )
    middle = S[[(r - 1) // 2, r // 2]].double().mean().item()
    if r < FEWEST_VALUES or middle == 0:
        return None
    q = max(rows, columns)
    return MarchenkoPastur(rows=rows, columns=columns, std=middle / math.sqrt(q * _median(r / q)))


@functools.lru_cache
def _median(ratio: float) -> float:
    edges = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    return brentq(lambda x: _cdf(torch.tensor(x, dtype=torch.float64), ratio).item() - 0.5, *edges, xtol=1e-13)


def _cdf(x: Tensor, y: float) -> Tensor:
    """The integral of sqrt((b - t) (t - a)) / (2 pi y t) from a to x, with a, b = (1 -+ sqrt(y))^2."""
    root = math.sqrt(y)
    a, b = (1 - root) ** 2, (1 + root) ** 2
    x = x.clamp(max(a, torch.finfo(torch.float64).tiny), b)
    arc = torch.asin(((x - 1 - y) / (2 * root)).clamp(-1, 1))
    inverse_arc = torch.asin((((1 + y) - a * b / x) / (2 * root)).clamp(-1, 1))
    area = ((b - x) * (x - a)).clamp_min(0).sqrt() + (1 + y) * arc - (1 - y) * inverse_arc + math.pi * y
    return (area / (2 * math.pi * y)).clamp(0, 1)
