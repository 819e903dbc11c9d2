"""The senses of a word, told apart layer by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.analysis.senses.relabelling import relabellings
from eigenlm.analysis.senses.sentences import check_sentences
from eigenlm.analysis.senses.separation import Separation, separations
from eigenlm.analysis.senses.states import word_states
from eigenlm.language_model import LanguageModel
from eigenlm.linalg.isotropy import Isotropy, isotropy
from eigenlm.linalg.similarity import unit_rows
from eigenlm.shown import Shown

_MOST_RELABELLINGS = 10_000


@dataclass(frozen=True, kw_only=True)
class SenseLayer:
    """One layer.

    Attributes:
        name: `embedding`, or that of the block after which the vectors were taken.
        raw: separation of the vectors as they are. In most models all of them share a large part, so that every cosine
            is near 1 and differences look small.
        centred: separation after the mean over all tokens is taken off: the part that can differ.
        isotropy: how evenly the vectors of all tokens of the sentences are spread.
    """

    name: str
    raw: Separation
    centred: Separation
    isotropy: Isotropy


@dataclass(frozen=True, kw_only=True)
class Senses(Shown):
    """How well a model tells the senses of a word apart.

    Attributes:
        word: the word.
        counts: sentences of each sense.
        left_context_only: whether the model is a decoder, which sees only what stands before the word.
        layers: the embedding, and after each block.
        best_layer: place among `layers` of the one whose centred separation stands furthest above chance, by its z.
        p: p_adjusted there, which counts the choice of the layer; the intervals, each of its own layer, do not.
        relabellings: arrangements of the labels that p is taken from.
        exact: whether these are all there are.
        embedding: how evenly the table of token vectors is spread.
    """

    word: str
    counts: dict[str, int]
    left_context_only: bool
    layers: tuple[SenseLayer, ...]
    best_layer: int
    p: float
    relabellings: int
    exact: bool
    embedding: Isotropy

    @property
    def best(self) -> SenseLayer:
        """The layer at `best_layer`."""
        return self.layers[self.best_layer]


def word_senses(lm: LanguageModel, word: str, sentences: Mapping[str, Sequence[str]], *, seed: int = 0) -> Senses:
    """Whether the vectors of a word differ by its sense, in every layer, with intervals and a test.

    A sentence gives the word one vector a layer, the mean over its tokens; the last occurrence counts. A decoder sees
    only the left context, so for it what decides the sense has to stand before the word.

    Args:
        lm: a decoder or an encoder.
        word: as a whole word, in any case.
        sentences: the sentences of each sense; at least two senses, and three sentences of each.
        seed: seed of the generators for the bootstrap and the relabellings.

    Raises:
        ConfigError: an encoder-decoder.
        DataError: too few senses or sentences, one without the word or given twice, or more than memory holds.
        ShapeError: a sentence longer than the context.
    """
    check_sentences(word, sentences)
    every = [sentence for group in sentences.values() for sentence in group]
    labels = torch.tensor([sense for sense, group in enumerate(sentences.values()) for _ in group])
    states = word_states(lm, word, every)
    shuffled = relabellings(labels, most=_MOST_RELABELLINGS, seed=seed)
    centres = states.tokens.mean(dim=1, dtype=torch.float64)
    raw = separations([_cosines(X) for X in states.word], labels, shuffled, seed=seed)
    centred = separations([_cosines(X - c) for X, c in zip(states.word, centres)], labels, shuffled, seed=seed)
    best = max(range(len(centred)), key=lambda layer: centred[layer].z)
    return Senses(
        word=word,
        counts={sense: len(group) for sense, group in sentences.items()},
        left_context_only=lm.config.kind == "decoder",
        layers=tuple(
            SenseLayer(
                name=f"blocks.{i - 1}" if i else "embedding",
                raw=raw[i],
                centred=centred[i],
                isotropy=isotropy(states.tokens[i]),
            )
            for i in range(len(raw))
        ),
        best_layer=best,
        p=centred[best].p_adjusted,
        relabellings=len(shuffled.labels),
        exact=shuffled.exact,
        embedding=isotropy(lm.model.embedding.token.dense()),
    )


def _cosines(X: Float[Tensor, "C D"]) -> Float64[Tensor, "C C"]:
    rows = unit_rows(X.double())
    return rows @ rows.mT
