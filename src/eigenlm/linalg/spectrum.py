"""What a list of singular values says about its matrix: how many directions matter, and how much a few of them keep.

Every function takes `S` (..., r), nonnegative and descending, and does not change when S is multiplied by a number.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.errors import ConfigError, explain


def stable_rank(S: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch"]:
    """||W||_F^2 / ||W||_2^2, from 1 to the rank; 0 for the zero matrix (Rudelson and Vershynin, arXiv:math/0503442).

    >>> stable_rank(torch.tensor([2.0, 1.0, 1.0])).item()
    1.5
    """
    return relative(S).square().sum(-1)


def effective_rank(S: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch"]:
    """exp(-sum_i p_i ln p_i) with p_i = sigma_i / sum_j sigma_j; 0 for the zero matrix (Roy & Vetterli, EUSIPCO 2007).

    >>> effective_rank(torch.ones(7, dtype=torch.float64)).round().item()
    7.0
    """
    s = relative(S)
    p = s / s.sum(-1, keepdim=True).clamp_min(1)  # the sum is at least sigma_1 / sigma_1 = 1, or all are zero
    entropy = -torch.xlogy(p, p).sum(-1)
    return entropy.exp() * (s[..., 0] > 0)


def numerical_rank(S: Float[Tensor, "*batch r"], eps: float = torch.finfo(torch.float32).eps) -> Int[Tensor, "*batch"]:
    """The number of sigma_i above eps ||W||_F: those that rounding the entries of W to precision `eps` cannot create.

    Rounding changes W by E with |E_ij| <= eps |W_ij|, and no singular value moves further than
    ||E||_2 <= eps ||W||_F (Weyl).
    """
    s = relative(S)
    return (s > eps * torch.linalg.vector_norm(s, dim=-1, keepdim=True)).sum(-1)


def condition_number(S: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch"]:
    """sigma_1 / sigma_r; infinite when sigma_r is zero."""
    return relative(S)[..., -1].reciprocal()


def energy_curve(S: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch r"]:
    """The energy kept at every rank 1 ... r, sum_{i<=k} sigma_i^2 / ||W||_F^2; all ones for the zero matrix."""
    kept = relative(S).square().cumsum(-1)
    return torch.where(kept[..., -1:] > 0, kept / kept[..., -1:], 1.0)


def energy_kept(S: Float[Tensor, "*batch r"], rank: int) -> Float[Tensor, "*batch"]:
    """The share of ||W||_F^2 in the best approximation of this rank, 1 - ||W - W_k||_F^2 / ||W||_F^2.

    Raises:
        ConfigError: a negative rank.

    >>> energy_kept(torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0]), 1).item()
    0.5
    """
    if rank < 0:
        raise ConfigError(explain("energy kept", expected="a rank of 0 or more", got=rank))
    squares = relative(S).square()
    return 1 - squares[..., rank:].sum(-1) / squares.sum(-1).clamp_min(1)


def rank_for_energy(S: Float[Tensor, "*batch r"], fraction: float) -> Int[Tensor, "*batch"]:
    """The smallest rank whose best approximation keeps this fraction of ||W||_F^2; 0 for the zero matrix.

    Raises:
        ConfigError: a fraction outside (0, 1].

    >>> rank_for_energy(torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0]), 0.6).item()
    2
    """
    if not 0 < fraction <= 1:
        raise ConfigError(explain("rank for energy", expected="a fraction in (0, 1]", got=fraction))
    rank = (energy_curve(S) < fraction).sum(-1) + 1
    return rank * (S[..., 0] > 0)


def relative(S: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch r"]:
    """sigma_i / sigma_1, so that squares neither overflow nor vanish; all zeros for the zero matrix."""
    return torch.where(S[..., :1] > 0, S / S[..., :1], 0.0)
