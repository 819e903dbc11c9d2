"""A layout: a place in the plane for each word, and what is known of how true it is."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.linalg.principal_axes import principal_axes


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


def by_variance(units: Float[Tensor, "V D"]) -> Layout:
    """The two directions along which the vectors vary most: of all linear pictures the one that keeps most variance."""
    places, shares = flat(units)
    zero, _ = flat(units, of=torch.zeros_like(units[:1]))
    return Layout(name="pca", places=places, origin=(float(zero[0, 0]), float(zero[0, 1])), shares=shares)


def flat(
    X: Float[Tensor, "n D"], *, of: Float[Tensor, "m D"] | None = None
) -> tuple[Float[Tensor, "_ 2"], tuple[float, float]]:
    """Rows along the two principal axes of X, and the part of X's variance that lies along each; 0 where there is none.

    Args:
        X: what the axes are of.
        of: the rows that are wanted, X's own by default.
    """
    axes = principal_axes(X, min(2, X.shape[1]), centred=True)
    places = axes.coordinates(X if of is None else of)
    total = float(axes.energies.sum())
    first, second, *_ = [*(axes.energies / total if total > 0 else 0 * axes.energies).tolist(), 0.0]
    return torch.nn.functional.pad(places, (0, 2 - places.shape[1])), (first, second)
