"""GloVe (Pennington and others 2014): the logarithm of how often words stand near each other, by least squares."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int32

from eigenlm.allowed import check_seed
from eigenlm.errors import ConfigError, explain
from eigenlm.machine.compiled import compiled
from eigenlm.progress import track
from eigenlm.vectors.cooccurrence import cooccurrence
from eigenlm.vectors.corpus import Corpus
from eigenlm.vectors.disjoint_blocks import dealt, in_rounds
from eigenlm.vectors.epochs import Trained, finite, small_random

_CLIP = np.float32(100)  # the largest gradient of a number, as in GloVe's own program


@dataclass(frozen=True, kw_only=True)
class GloVe:
    """Settings of GloVe, by default those of its own program, and 100 numbers in a vector.

    Attributes:
        dim: D, numbers in a vector.
        window: words to each side; at a distance d a word counts 1 / d.
        epochs: times all pairs are gone through.
        rate: the rate of AdaGrad.
        x_max: pairs that are there as often have weight 1.
        alpha: rarer ones have weight (x / x_max)^alpha.
        seed: seed of the start and of the order of pairs.
    """

    dim: int = 100
    window: int = 15
    epochs: int = 25
    rate: float = 0.05
    x_max: float = 100.0
    alpha: float = 0.75
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("dim", "window", "epochs"):
            if getattr(self, name) < 1:
                raise ConfigError(explain(name, expected="at least 1", got=getattr(self, name)))
        for name in ("rate", "x_max"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(explain(name, expected="a number above 0", got=getattr(self, name)))
        if not 0 <= self.alpha < float("inf"):
            raise ConfigError(explain("alpha", expected="0 or more", got=self.alpha))
        check_seed(self.seed, "seed of the vectors")


def train(corpus: Corpus, config: GloVe) -> Trained:
    """Vectors that make the sum over pairs of min(1, x_ij / x_max)^alpha (w_i . c_j + b_i + d_j - log x_ij)^2 small.

    A step is taken on each pair alone, and the outcome is the same for any number of threads. The vector of a
    word is w + c, as in GloVe's own program.

    Args:
        corpus: the text.
        config: dim, window and the rest.

    Raises:
        DataError: the vectors ran away.
    """
    upper = cooccurrence(corpus, window=config.window, weighting="harmonic")
    counted = (upper + upper.transpose()).tocoo()
    pairs = np.stack([*counted.coords, counted.data.view(np.int32)], axis=1, dtype=np.int32)
    pairs, ends = dealt(pairs[np.random.default_rng(config.seed).permutation(len(pairs))])
    x = np.ascontiguousarray(pairs[:, 2]).view(np.float32)
    weights, logs = np.minimum(x / np.float32(config.x_max), 1) ** np.float32(config.alpha), np.log(x)
    D = config.dim
    W, C = (_begun(len(corpus.words), D, side + 2 * config.seed, 1 - side) for side in range(2))

    def fit(block: slice) -> float:
        return _fit(W, C, pairs[block], weights[block], logs[block], np.float32(config.rate))

    losses: list[float] = []
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for epoch in track(range(config.epochs), "epochs of GloVe"):
            losses.append(finite(in_rounds(pool, ends, fit) / max(len(pairs), 1), epoch))
    w, c = torch.from_numpy(W[0, :, :D].copy()), torch.from_numpy(C[0, :, :D].copy())
    return Trained(vectors=w + c, contexts=c, losses=tuple(losses))


def _begun(V: int, D: int, seed: int, ones: int) -> Float32[np.ndarray, "2 V dim"]:
    """[w, b, 1] or [c, 1, d], and the sums of squared gradients, from 1: a product of the two has both biases in it."""
    start = np.ones((2, V, D + 2), np.float32)
    start[0] = small_random(V, D + 2, seed) / 2  # as GloVe's own program
    start[0, :, D + ones] = 1
    return start


@compiled
def _fit(
    W: Float32[np.ndarray, "2 V dim"],
    C: Float32[np.ndarray, "2 V dim"],
    pairs: Int32[np.ndarray, "n 3"],
    weights: Float32[np.ndarray, " n"],
    logs: Float32[np.ndarray, " n"],
    rate: np.float32,
) -> float:
    """A step of AdaGrad on each pair; the sum of weight x miss^2."""
    D, loss = W.shape[2] - 2, 0.0
    for k in range(len(pairs)):
        i, j = pairs[k, 0], pairs[k, 1]
        miss = -logs[k]
        for d in range(D + 2):
            miss += W[0, i, d] * C[0, j, d]
        loss += weights[k] * miss * miss
        push = weights[k] * miss
        for d in range(D + 2):
            w_slope = rate * min(max(push * C[0, j, d], -_CLIP), _CLIP)
            c_slope = rate * min(max(push * W[0, i, d], -_CLIP), _CLIP)
            W[0, i, d] -= w_slope / np.sqrt(W[1, i, d])
            C[0, j, d] -= c_slope / np.sqrt(C[1, j, d])
            W[1, i, d] += w_slope * w_slope
            C[1, j, d] += c_slope * c_slope
        W[0, i, D + 1] = C[0, j, D] = 1
    return loss
