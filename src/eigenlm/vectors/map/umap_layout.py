"""UMAP: near words are drawn near, and what is far apart stands anywhere (arXiv:1802.03426)."""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.linalg.similarity import nearest
from eigenlm.progress import track, waiting
from eigenlm.vector_names import check_layout
from eigenlm.vectors.map.layout import Layout

_NEIGHBOURS = 15
_QUERIES = 512


def by_neighbours(units: Float[Tensor, "V D"], start: Float[Tensor, "V 2"], *, seed: int = 0) -> Layout:
    """UMAP's layout of each word's exact nearest by cosine; one thread, so that a seed makes the same picture again.

    Args:
        units: vectors at length 1.
        start: where the words stand before the first step: the principal axes, whose large shape is then kept
            (Kobak and Linderman 2021).
        seed: of the steps.

    Raises:
        DataError: umap-learn is not installed, or there are fewer than four words.
    """
    check_layout("umap")
    if len(units) < 4:
        raise DataError(explain("layout umap", expected="four words or more", got=len(units)))
    indices, distances = _nearest(units, min(_NEIGHBOURS, len(units) - 1))
    spread = start / start.abs().max().clamp_min(1e-30) * 10
    with waiting("laying out by UMAP"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no new words can be placed later, and that a seed means one thread
        from umap import UMAP

        model = UMAP(
            n_neighbors=indices.shape[1],
            metric="cosine",
            init=spread.numpy().astype(np.float32),
            precomputed_knn=(indices, distances),
            random_state=seed,
            n_jobs=1,
        )
        places = model.fit_transform(units.numpy())
    return Layout(name="umap", places=torch.from_numpy(places))


def _nearest(units: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the k nearest of each word, itself first, and 1 - cosine to them."""
    indices, distances = [], []
    for some in track(units.split(_QUERIES), "looking for neighbours"):
        found = nearest(some, units, k)
        indices.append(found.indices)
        distances.append(1 - found.similarities)
    return torch.cat(indices).int().numpy(), torch.cat(distances).clamp_min(0).float().numpy()
