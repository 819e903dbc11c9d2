"""What a page of word vectors is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from eigenlm.errors import DataError, explain
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.map.layout import Layout, by_variance
from eigenlm.vectors.map.packing import PackedAgreement, PackedVectors, agreement, neighbours_kept, pack_vectors
from eigenlm.vectors.map.umap_layout import by_neighbours
from eigenlm.vectors.word_vectors import WordVectors

MOST_WORDS = 100_000
"""Words that a page can show; with more, a vector would have fewer than 42 numbers in it."""

LayoutName = Literal["pca", "umap"]


@dataclass(frozen=True, eq=False, kw_only=True)
class WordMap:
    """Words in a plane, with vectors to ask them by.

    Attributes:
        source: the file, folder or package.
        words: those that are shown, the first of the file.
        num_words: those that the file has.
        dim: D, numbers in its vectors.
        layouts: the pictures, the one that is seen first at the beginning.
        kept: of the ten nearest words, the share that is among the ten nearest in each picture.
        vectors: what the page calculates with.
        agreement: how far that is what the vectors themselves say.
    """

    source: str
    words: Sequence[str]
    num_words: int
    dim: int
    layouts: tuple[Layout, ...]
    kept: tuple[float, ...]
    vectors: PackedVectors
    agreement: PackedAgreement


def map_of(space: WordVectors, *, most: int = 50_000, layout: LayoutName = "pca", seed: int = 0) -> WordMap:
    """Lay the first words out by principal axes and, where that is wanted, by UMAP; all vectors at length 1.

    Args:
        space: words and vectors.
        most: how many words, at most 100,000.
        layout: the picture that is seen first; `umap` is beside `pca` and takes a minute or more.
        seed: of UMAP.

    Raises:
        DataError: one word alone, more words than a page can show, or no umap-learn for `umap`.
    """
    if most > MOST_WORDS:
        do = "it shows the first words, the most frequent of most files"
        raise DataError(explain("a map", expected=f"at most {MOST_WORDS:,} words", got=f"{most:,}", do=do))
    shown = space.first(most)
    if len(shown) < 2:
        raise DataError(explain("a map", expected="two words or more", got=len(shown)))
    units = unit_rows(shown.vectors)
    layouts = [by_variance(units)]
    if layout == "umap":
        layouts.insert(0, by_neighbours(units, layouts[0].places, seed=seed))
    packed = pack_vectors(units)
    return WordMap(
        source=space.source,
        words=shown.words,
        num_words=len(space),
        dim=space.dim,
        layouts=tuple(layouts),
        kept=tuple(neighbours_kept(units, one.places) for one in layouts),
        vectors=packed,
        agreement=agreement(units, packed),
    )
