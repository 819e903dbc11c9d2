"""The residual stream after each layer: how large, how many directions and dimensions, how alike its tokens are."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.analysis.activations.logit_lens import LogitLens
from eigenlm.linalg.cka import centred_gram, cka
from eigenlm.linalg.intrinsic_dimension import IntrinsicDimension, intrinsic_dimension
from eigenlm.linalg.similarity import unit_rows
from eigenlm.shown import Shown

SAMPLE = 1024
_MOST_POINTS = 100
_MASSIVE = 100.0
_MASSIVE_RATIO = 1000.0
_MOST_MASSIVE = 8


@dataclass(frozen=True, kw_only=True)
class MassiveActivation:
    """A channel of the stream that grows, at a few tokens, to thousands of times what is usual.

    Attributes:
        channel: its index, from 0.
        max_abs: the largest magnitude.
        ratio: that over the median magnitude in the layer.
        at_first_token: whether the largest is that of the first token of a window.
    """

    channel: int
    max_abs: float
    ratio: float
    at_first_token: bool


@dataclass(frozen=True, kw_only=True)
class LayerStream(Shown):
    """The residual stream after the embedding or after one block.

    The first token of each window has fields of its own and is left out of the others but `median_abs` and `massive`:
    its vector is often so long, and so much the same in every text, that it would hide all the rest.

    Attributes:
        name: `embedding`, or that of the block.
        tokens: vectors seen, without the first of each window.
        mean_norm: mean length of a vector.
        first_token_norm: the same at the first token of windows.
        median_abs: median magnitude of a number, the mean over windows.
        massive: the eight largest channels that reach 100 and 1000 times the median magnitude
            (arXiv:2402.17762, section 2).
        mean_cosine: mean cosine between the vectors of two tokens (anisotropy): 0 if directions are evenly spread.
        pca_ranks: numbers of principal components, 1 to D, at most 100 of them.
        pca_energy: the part of the variance along as many.
        participation_ratio: (sum of l)^2 / sum of l^2 of the covariance's eigenvalues: 1 for one direction, D for all
            alike; None where all vectors are the same.
        intrinsic_dimension: that of at most 1024 vectors, by their two nearest neighbours (in early layers often the
            same token elsewhere in the text); None for fewer than 20 different ones.
        lens: what the decoder would say if it stopped here; None for other models.
    """

    name: str
    tokens: int
    mean_norm: float
    first_token_norm: float
    median_abs: float
    massive: tuple[MassiveActivation, ...]
    mean_cosine: float | None
    pca_ranks: tuple[int, ...]
    pca_energy: tuple[float, ...]
    participation_ratio: float | None
    intrinsic_dimension: IntrinsicDimension | None
    lens: LogitLens | None


class StreamSums:
    """Sums over the residual stream after one layer, and a sample of its vectors.

    Args:
        num_windows: how many will come, so that the sample takes as much from each.
    """

    def __init__(self, num_windows: int) -> None:
        self._a_window = -(-SAMPLE // num_windows)
        self._windows = 0
        self._tokens = 0
        self._sample: list[Float[Tensor, "C D"]] = []

    def add(self, x: Float[Tensor, "T D"]) -> None:
        """Add one window of at least two tokens."""
        x = x.float()
        rest = x[1:]
        if self._windows == 0:
            D = x.shape[1]
            # About the mean, so that taking it out of the second moments later does not cancel their digits.
            self._shift = rest.mean(0)
            self._total, self._units, self._gram = x.new_zeros(D), x.new_zeros(D).double(), x.new_zeros(D, D)
            self._norms, self._median = x.new_zeros(2).double(), x.new_zeros(()).double()
            self._peaks = x.new_zeros(2, D)
        shifted = rest - self._shift
        self._total += shifted.sum(0)
        self._gram.addmm_(shifted.mT, shifted)
        self._units += unit_rows(rest).sum(0, dtype=torch.float64)
        norms = torch.linalg.vector_norm(x, dim=1)
        self._norms += torch.stack([norms[0], norms[1:].sum()])
        self._median += x.abs().median()
        self._peaks = torch.maximum(self._peaks, torch.stack([x[0].abs(), rest.abs().amax(0)]))
        if self._windows * self._a_window < SAMPLE:
            self._sample.append(rest[evenly(len(rest), self._a_window)])
        self._windows += 1
        self._tokens += len(rest)

    @property
    def is_finite(self) -> bool:
        """Whether no vector held NaN or infinity."""
        return bool(self._gram.isfinite().all())

    @property
    def sample(self) -> Float[Tensor, "C D"]:
        """Vectors evenly taken from all windows, at most 1024."""
        return torch.cat(self._sample)[:SAMPLE]

    def row(self, name: str, lens: LogitLens | None, *, seed: int) -> LayerStream:
        """What the sums say."""
        C = self._tokens
        mean = self._total / C
        L = torch.linalg.eigvalsh((self._gram / C - mean[:, None] * mean).double()).clamp_min(0).flip(0)
        total = float(L.sum())
        varied = total > 0
        ranks = _ranks(len(L))
        first_norm, rest_norm = self._norms.tolist()
        return LayerStream(
            name=name,
            tokens=C,
            mean_norm=rest_norm / C,
            first_token_norm=first_norm / self._windows,
            median_abs=float(self._median / self._windows),
            massive=self._massive(),
            mean_cosine=float((self._units.square().sum() - C) / (C * (C - 1))) if C > 1 else None,
            pca_ranks=tuple(ranks) if varied else (),
            pca_energy=tuple((L.cumsum(0)[torch.tensor(ranks) - 1] / total).tolist()) if varied else (),
            participation_ratio=total**2 / float(L.square().sum()) if varied else None,
            intrinsic_dimension=intrinsic_dimension(self.sample, seed=seed),
            lens=lens,
        )

    def _massive(self) -> tuple[MassiveActivation, ...]:
        median = float(self._median / self._windows)
        peaks, at = self._peaks.max(0)
        largest = peaks.topk(min(_MOST_MASSIVE, len(peaks)))
        return tuple(
            MassiveActivation(channel=channel, max_abs=peak, ratio=peak / median, at_first_token=int(at[channel]) == 0)
            for peak, channel in zip(largest.values.tolist(), largest.indices.tolist())
            if peak >= _MASSIVE and 0 < _MASSIVE_RATIO * median <= peak
        )


def similarity(layers: list[StreamSums]) -> tuple[tuple[float, ...], ...]:
    """Linear CKA, debiased, between the samples of every pair of layers; nothing for samples of fewer than four."""
    if not layers or len(layers[0].sample) < 4:
        return ()
    matrix = cka(torch.stack([centred_gram(layer.sample) for layer in layers]))
    return tuple(tuple(row) for row in matrix.tolist())


def evenly(count: int, wanted: int) -> list[int]:
    """At most `wanted` of the places 0 ... count - 1, evenly spread from the first to the last.

    >>> evenly(10, 4), evenly(3, 8), evenly(5, 1)
    ([0, 3, 6, 9], [0, 1, 2], [0])
    """
    if wanted >= count:
        return list(range(count))
    return torch.linspace(0, count - 1, wanted).round().long().tolist()


def _ranks(width: int) -> list[int]:
    """Ranks that a chart shows: all of a small width, else denser at the start."""
    if width <= _MOST_POINTS:
        return list(range(1, width + 1))
    return torch.linspace(0, 1, _MOST_POINTS).square().mul(width - 1).long().add(1).unique().tolist()
