"""The three norms of a matrix that its singular values give, in float64 and safe at the ends of its range."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.linalg.decomposition import singular_values


def spectral_norm(W: Float[Tensor, "*batch m n"]) -> Float64[Tensor, "*batch"]:
    """||W||_2 = sigma_1, the most that W stretches a vector."""
    return singular_values(W)[..., 0]


def frobenius_norm(W: Float[Tensor, "*batch m n"]) -> Float64[Tensor, "*batch"]:
    """||W||_F = sqrt(sum_ij W_ij^2) = sqrt(sum_i sigma_i^2), without overflow or loss of tiny entries."""
    magnitude = W.detach().double().abs()
    peak = magnitude.amax((-2, -1), keepdim=True)
    scaled = torch.where(peak > 0, magnitude / peak, 0.0)
    return torch.linalg.matrix_norm(scaled, "fro") * peak[..., 0, 0]


def nuclear_norm(W: Float[Tensor, "*batch m n"]) -> Float64[Tensor, "*batch"]:
    """||W||_* = sum_i sigma_i."""
    return singular_values(W).sum(-1)
