"""The largest singular value by power iteration: two products with the matrix, and it can go on where it stopped."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.seeded import seeded


def power_iteration(
    W: Float[Tensor, "m n"], v: Float[Tensor, "n"], iterations: int = 1
) -> tuple[Float[Tensor, ""], Float[Tensor, "n"]]:
    """A lower bound of sigma_1 = ||W||_2, and the right singular vector it belongs to, from the unit vector `v`.

    One iteration is u = W v / ||W v||, sigma = ||W^T u||, v = W^T u / sigma (Golub and Van Loan, Matrix Computations,
    section 8.2). A vector that is kept while the matrix changes slowly stays warm: one iteration a reading is enough.

    With theta the angle between v and the first right singular vector, after k iterations

        0 <= 1 - (sigma / sigma_1)^2 <= tan(theta)^2 * min((sigma_2 / sigma_1)^(4k - 2), 1 / (2k)).

    It follows from sigma^2 = sum c_i^2 sigma_i^(4k) / sum c_i^2 sigma_i^(4k-2), where c_i are v's coordinates: the part
    of each i > 1 in 1 - (sigma / sigma_1)^2 is at most (c_i / c_1)^2 r^(4k-2) (1 - r^2) with r = sigma_i / sigma_1.

    Args:
        W: a matrix; half types are read in float32.
        v: of length 1, in W's precision (float32 for half types).
        iterations: k.

    Returns:
        sigma, and the new v; the old one where W v is zero or not finite, so that one bad step spoils no later reading.

    Raises:
        ConfigError: no iteration was asked for.

    >>> sigma, _ = power_iteration(torch.diag(torch.tensor([2.0, 1.0])), torch.tensor([0.6, 0.8]), iterations=8)
    >>> round(sigma.item(), 6)
    2.0
    """
    if iterations < 1:
        raise ConfigError(explain("power iteration", expected="at least one iteration", got=iterations))
    W = W.detach().to(v.dtype)
    tiny = torch.finfo(v.dtype).tiny
    for _ in range(iterations):
        u = W @ v
        Wu = W.mT @ (u / torch.linalg.vector_norm(u).clamp_min(tiny))
        sigma = torch.linalg.vector_norm(Wu)
        v = torch.where(sigma.isfinite() & (sigma > 0), Wu / sigma.clamp_min(tiny), v)
    return sigma, v


def unit_vector(n: int, *, seed: int, like: Float[Tensor, "..."]) -> Float[Tensor, "n"]:
    """A random direction, of `n` and `seed` alone, on the device and in the precision (float32 or more) of `like`."""
    draw = torch.randn(n, generator=seeded(seed), dtype=torch.float64)
    dtype = torch.promote_types(like.dtype, torch.float32)
    return (draw / torch.linalg.vector_norm(draw)).to(device=like.device, dtype=dtype)
