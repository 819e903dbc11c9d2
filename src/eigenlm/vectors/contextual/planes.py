"""Vectors of many layers as points of a plane each, turned so that one picture goes over into the next."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor


def planes(vectors: Float[Tensor, "N1 C D"]) -> Float64[Tensor, "N1 C 2"]:
    """The first two principal components of each layer, the mean taken out.

    Their signs mean nothing and their order little, so each layer's points are turned and mirrored as to come nearest
    to those of the layer after it: the orthogonal Procrustes problem, solved by the SVD of X^T Y.
    """
    points: list[Tensor] = []
    for layer in vectors.double().flip(0):
        centred = layer - layer.mean(0)
        U, S, _ = torch.linalg.svd(centred, full_matrices=False)
        plane = torch.zeros(len(layer), 2, dtype=torch.float64)
        plane[:, : len(S[:2])] = U[:, :2] * S[:2]
        if points:
            left, _, right = torch.linalg.svd(plane.mT @ points[-1])
            plane = plane @ left @ right
        points.append(plane)
    first = points[0][points[0].abs().argmax(dim=0), torch.arange(2)]  # the largest entries, made positive below
    return torch.stack(points[::-1]) * torch.where(first < 0, -1.0, 1.0)
