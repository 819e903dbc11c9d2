"""What all that learn words from windows share: settings, start, blocks in order, a falling rate and the true loss."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from eigenlm.allowed import check_seed
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.progress import track
from eigenlm.vectors.corpus import Corpus
from eigenlm.vectors.negative_sampling import key_of

_PAIRS = 1 << 22  # that a block has at most


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Settings of what learns words from windows, by default those of word2vec and gensim.

    Attributes:
        dim: D, numbers in a vector.
        window: the most words to each side; for each word 1..window are drawn.
        negatives: words drawn for one that is there.
        epochs: times the text is read.
        rate: the learning rate at the start.
        last_rate: at the end; it falls in a line.
        subsample: words with a larger share of the text than this are thinned out; 0 for none.
        ns_exponent: words are drawn by their count to this power.
        seed: seed of the start and of all that is drawn.
    """

    dim: int = 100
    window: int = 5
    negatives: int = 5
    epochs: int = 5
    rate: float = 0.025
    last_rate: float = 1e-4
    subsample: float = 1e-3
    ns_exponent: float = 0.75
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("dim", "window", "negatives", "epochs"):
            if getattr(self, name) < 1:
                raise ConfigError(explain(name, expected="at least 1", got=getattr(self, name)))
        if not 0 < self.last_rate <= self.rate < float("inf"):
            got = f"rate {self.rate}, last_rate {self.last_rate}"
            raise ConfigError(explain("learning rate", expected="0 < last_rate <= rate", got=got))
        if not 0 <= self.subsample <= 1:
            raise ConfigError(explain("subsample", expected="a share in [0, 1]", got=self.subsample))
        if not -10 <= self.ns_exponent <= 10:
            raise ConfigError(explain("ns_exponent", expected="a power from -10 to 10", got=self.ns_exponent))
        check_seed(self.seed, "seed of the vectors")

    @property
    def block(self) -> int:
        """Words that are read at once."""
        return max(1, _PAIRS // (2 * self.window * (1 + self.negatives)))


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Vectors that were trained by gradient steps.

    Attributes:
        vectors: w, those of words.
        contexts: c, those of words as they stand near others.
        losses: the mean loss of each epoch, over the words that were foretold; over pairs of words in GloVe.
    """

    vectors: Float[Tensor, "V D"]
    contexts: Float[Tensor, "V D"]
    losses: tuple[float, ...]


def small_random(rows: int, dim: int, seed: int) -> Float32[np.ndarray, "rows D"]:
    """Rows uniform in +-1 / D, as fastText and gensim start; word2vec starts at half of that."""
    return (np.random.default_rng(seed).random((rows, dim), np.float32) - np.float32(0.5)) / np.float32(dim / 2)


def in_epochs(
    corpus: Corpus,
    config: Windows,
    prepare: Callable[[np.ndarray, np.uint64], Any],
    fit: Callable[[Executor, Any, np.float32], tuple[float, int]],
) -> tuple[float, ...]:
    """The mean loss of each epoch, in which every block of the text is prepared, and fitted while the next one is."""
    starts = range(0, len(corpus.ids), config.block)
    losses: list[float] = []
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for epoch in range(config.epochs):

            def prepared(start: int, epoch: int = epoch) -> Any:
                key = key_of(config.seed, epoch, start)
                return prepare(corpus.part(start, start + config.block), key)

            said = f"epoch {epoch + 1} of {config.epochs}" + (f", loss {losses[-1]:.4f}" if losses else "")
            loss, foretold = 0.0, 0
            for n, block in enumerate(track(_one_ahead(pool, prepared, starts), said, total=len(starts))):
                done = (epoch + (n + 0.5) / len(starts)) / config.epochs
                more, words = fit(pool, block, np.float32(config.rate + (config.last_rate - config.rate) * done))
                loss, foretold = loss + finite(more, epoch), foretold + words
            losses.append(loss / max(foretold, 1))
    return tuple(losses)


def _one_ahead(pool: Executor, prepared: Callable[[int], Any], starts: range) -> Iterator[Any]:
    ahead: Future[Any] | None = None
    for start in starts:
        now, ahead = ahead, pool.submit(prepared, start)
        if now is not None:
            yield now.result()
    if ahead is not None:
        yield ahead.result()


def finite(loss: float, epoch: int) -> float:
    """The loss of a block; vectors that have run away are told.

    Raises:
        DataError: it is not a number, or infinite.
    """
    if not np.isfinite(loss):
        got = f"{loss} in epoch {epoch + 1}"
        raise DataError(explain("training vectors", expected="a finite loss", got=got, do="lower the rate"))
    return loss
