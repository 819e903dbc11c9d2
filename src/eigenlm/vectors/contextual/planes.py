"""Vectors of many layers as points of a plane each, turned so that one picture goes over into the next."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.linalg.principal_axes import principal_axes
from eigenlm.linalg.procrustes import procrustes


def planes(vectors: Float[Tensor, "N1 C D"]) -> Float64[Tensor, "N1 C 2"]:
    """The first two principal components of each layer, the mean taken out.

    Their signs mean nothing and their order little, so each layer's points are turned and mirrored as to come nearest
    to those of the layer after it.
    """
    points: list[Tensor] = []
    for layer in vectors.double().flip(0):
        along = principal_axes(layer, min(2, layer.shape[1]), centred=True).coordinates(layer)
        plane = torch.nn.functional.pad(along, (0, 2 - along.shape[1]))
        points.append(plane @ procrustes(plane, points[-1]) if points else plane)
    first = points[0][points[0].abs().argmax(dim=0), torch.arange(2)]  # the largest entries, made positive below
    return torch.stack(points[::-1]) * torch.where(first < 0, -1.0, 1.0)
