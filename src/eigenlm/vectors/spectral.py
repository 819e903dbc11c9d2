"""Word vectors from the eigenvectors of a matrix of pointwise mutual information."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from eigenlm.linalg.block_lanczos import dominant_eigenpairs
from eigenlm.vectors.cooccurrence import Weighting, cooccurrence
from eigenlm.vectors.corpus import Corpus
from eigenlm.vectors.epochs import Trained
from eigenlm.vectors.ppmi import ppmi_


@dataclass(frozen=True, kw_only=True)
class PpmiSvd:
    """How vectors are made of counts.

    Attributes:
        dim: D, numbers in a vector.
        window: words to each side that are near.
        weighting: what a pair counts by its distance.
        smoothing: the power of the words' counts.
        shift: log(shift) is taken from every entry.
        power: p of W = U |lambda|^p; 1 keeps the similarities of the matrix's rows, 0 makes all directions alike.
        seed: of the start of the eigenvectors.
    """

    dim: int = 100
    window: int = 5
    weighting: Weighting = "harmonic"
    smoothing: float = 0.6
    shift: float = 1.0
    power: float = 0.25
    seed: int = 0


def train(corpus: Corpus, config: PpmiSvd) -> Trained:
    """W = U |lambda|^p of PPMI ~ U diag(lambda) U^T, whose singular values are |lambda| (Levy and others 2015, 3.3)."""
    upper = cooccurrence(corpus, window=config.window, weighting=config.weighting)
    ppmi_(upper, smoothing=config.smoothing, shift=config.shift)
    with ThreadPoolExecutor(1) as other:

        def product(X: Tensor) -> Tensor:
            below = other.submit(lambda: upper.transpose() @ X.numpy())
            return torch.from_numpy(upper @ X.numpy() + below.result())

        found = dominant_eigenpairs(product, len(corpus.words), min(config.dim, len(corpus.words)), seed=config.seed)
    vectors = found.vectors * found.values.abs() ** config.power
    return Trained(vectors=vectors, contexts=vectors, losses=())
