"""A layout: a place in the plane for each word, and what is known of how true it is."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.linalg.principal_axes import PrincipalAxes


@dataclass(frozen=True, eq=False, kw_only=True)
class Layout:
    """Where the words stand in a picture.

    Attributes:
        name: `pca` or `umap`.
        places: x and y of each word.
        origin: where the zero vector stands, if places are a linear map of vectors, so that sums can be drawn.
        shares: the part of the variance that x and y keep, where they are axes.
    """

    name: str
    places: Float[Tensor, "V 2"]
    origin: tuple[float, float] | None = None
    shares: tuple[float, float] | None = None


def by_variance(units: Float[Tensor, "V D"], axes: PrincipalAxes) -> Layout:
    """The two directions along which the vectors vary most: of all linear pictures the one that keeps most variance."""
    both = axes.coordinates(torch.cat([torch.zeros_like(units[:1]), units]), 2)
    both = torch.nn.functional.pad(both, (0, 2 - both.shape[1]))  # vectors of one number have one axis
    shares = (axes.share(1), axes.share(2) - axes.share(1))
    return Layout(name="pca", places=both[1:].float(), origin=(float(both[0, 0]), float(both[0, 1])), shares=shares)
