"""A word in its sentences: one call from a text to similarities by layer, groups, neighbours and pictures."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.allowed import check
from eigenlm.errors import ConfigError, explain
from eigenlm.language_model import LanguageModel, check_speaks
from eigenlm.linalg.similarity import unit_rows
from eigenlm.shown import Shown
from eigenlm.vectors.contextual.groups import Grouping, SenseGroup, SenseGroups, grouping
from eigenlm.vectors.contextual.occurrences import Occurrences, occurrences
from eigenlm.vectors.contextual.planes import planes
from eigenlm.vectors.contextual.similarity import LayerSimilarity, layer_similarity
from eigenlm.vectors.token_vectors import named_rows

_NEAR = 6  # words that are named beside a group, and beside the static vector


@dataclass(frozen=True, kw_only=True)
class WordPlace:
    """One occurrence of the word.

    Attributes:
        text: the line it stands in.
        source: the file, and the number of the line.
        first: its first character in the line.
        end: one past its last.
        pieces: the tokens that spell it.
        group: number of the group it falls into.
        xy: where it lies in the picture of the layer whose groups are looked for.
        xy_by_layer: where it lies in the picture of each layer.
    """

    text: str
    source: str
    first: int
    end: int
    pieces: tuple[str, ...]
    group: int
    xy: tuple[float, float]
    xy_by_layer: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class WordInContext(Shown):
    """What a model makes of a word in the lines of a text.

    Attributes:
        word: the word.
        layers: the embedding, and after each block.
        groups: what the occurrences fall into after one of them.
        static_neighbours: the tokens whose vectors in the table of the embedding lie nearest to the word's, with
            cosines; none where the table has another width than the layers.
        sentences: every occurrence.
        num_lines: lines of the text.
        num_places: times the word stands in them; `sentences` are spread over these evenly where they are fewer.
        num_left_out: lines that were to be looked at, and are longer than the context or spell a control token.
        left_context_only: whether the model is a decoder, which sees only what stands before the word.
    """

    word: str
    layers: tuple[LayerSimilarity, ...]
    groups: SenseGroups
    static_neighbours: tuple[tuple[str, float], ...]
    sentences: tuple[WordPlace, ...]
    num_lines: int
    num_places: int
    num_left_out: int
    left_context_only: bool


def word_in_context(
    lm: LanguageModel, word: str, text: str | Path, *, layer: int | None = None, most: int = 500, seed: int = 0
) -> WordInContext:
    """The vectors of one word in every line that holds it, after every layer: how alike, in which groups, near what.

    A word of several tokens has the mean of their vectors; it counts as often as it stands in a line. A decoder sees
    only what stands before the word.

    Args:
        lm: a decoder or an encoder.
        word: whole, in any case.
        text: a file of lines (or jsonl, Parquet), or a folder of such files; every line is read by itself.
        layer: after which the groups are looked for, 0 for the embedding; the last by default.
        most: occurrences that are looked at, spread evenly over the text.
        seed: seed of the generators that draw other words, and clouds without groups.

    Raises:
        ConfigError: an encoder-decoder, no such layer, or more than memory holds.
        DataError: the word is not there, or the text cannot be read.
    """
    check_speaks(lm, "a word in context")
    check(count=most, seed=seed)
    last = lm.config.num_layers
    if layer is not None and not 0 <= layer <= last:
        raise ConfigError(explain("layer", expected=f"0 (the embedding) to {last}", got=layer))
    found = occurrences(lm, word, Path(text), most=most, seed=seed)
    names = ["embedding", *(f"blocks.{i}" for i in range(last))]
    chosen = last if layer is None else layer
    cut = grouping(found.vectors[chosen] - _centre(found, chosen), seed=seed)
    return WordInContext(
        word=word,
        layers=tuple(
            layer_similarity(name, X, others, found.static, seed=seed)
            for name, X, others in zip(names, found.vectors, found.other_vectors)
        ),
        groups=_groups(names[chosen], found, chosen, cut),
        static_neighbours=_static_neighbours(lm, word, found),
        sentences=_sentences(found, chosen, cut),
        num_lines=found.num_lines,
        num_places=found.num_places,
        num_left_out=found.num_left_out,
        left_context_only=lm.config.kind == "decoder",
    )


def _centre(found: Occurrences, layer: int) -> Float[Tensor, " D"]:
    """What the vectors of all words share."""
    return torch.cat([found.vectors[layer], found.other_vectors[layer]]).mean(0)


def _groups(name: str, found: Occurrences, layer: int, cut: Grouping) -> SenseGroups:
    centre = _centre(found, layer)
    rows, others = unit_rows(found.vectors[layer] - centre), found.other_vectors[layer] - centre
    members = [cut.labels == group for group in range(int(cut.labels.max()) + 1)]
    middle = rows.mean(0) if len(members) > 1 else torch.zeros_like(centre)
    groups = tuple(
        SenseGroup(count=int(own.sum()), nearest=_nearest_others(found, rows[own].mean(0) - middle, others))
        for own in members
    )
    return SenseGroups(layer=name, groups=groups, silhouette=cut.silhouette, p=cut.p, is_clear=cut.is_clear)


def _nearest_others(
    found: Occurrences, direction: Float[Tensor, " D"], others: Float[Tensor, "W D"]
) -> tuple[tuple[str, float], ...]:
    """Other words of the sentences by the cosine of their vectors with a direction; each word once, at its best."""
    cosines = unit_rows(others) @ unit_rows(direction)
    best: dict[str, float] = {}
    for i in cosines.argsort(descending=True, stable=True).tolist():
        best.setdefault(found.others[i].word.lower(), float(cosines[i]))
    return tuple(list(best.items())[:_NEAR])


def _static_neighbours(lm: LanguageModel, word: str, found: Occurrences) -> tuple[tuple[str, float], ...]:
    if found.static is None:
        return ()
    table = named_rows(lm.model.embedding.token.dense().detach().float().cpu(), lm.tokenizer, "the tokens")
    near = table.nearest(found.static.mean(0), _NEAR + 3)
    return tuple((one.word, one.cosine) for one in near if one.word.lower() != word.lower())[:_NEAR]


def _sentences(found: Occurrences, layer: int, cut: Grouping) -> tuple[WordPlace, ...]:
    points = planes(found.vectors).transpose(0, 1).tolist()
    drawn = [tuple((float(f"{x:.6g}"), float(f"{y:.6g}")) for x, y in by_layer) for by_layer in points]
    return tuple(
        WordPlace(
            text=place.text,
            source=place.source,
            first=place.first,
            end=place.end,
            pieces=pieces,
            group=group,
            xy=xy[layer],
            xy_by_layer=xy,
        )
        for place, pieces, group, xy in zip(found.places, found.pieces, cut.labels.tolist(), drawn)
    )
