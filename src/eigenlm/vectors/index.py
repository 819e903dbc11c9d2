"""An index of a space: the nearest of millions of words in a thousandth of a second, nearly all of them right.

A graph in which every word leads to words near it and a few far away (HNSW, Malkov and Yashunin, arXiv:1603.09320), by
usearch; docs/log.md says why this library. It is built by one thread, so that it is the same each time, and keeps 16
bits of a number, which is twice as fast; cosines of what it finds are counted from the vectors themselves.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.files import read_json, regular
from eigenlm.linalg.paired import paired_mean
from eigenlm.linalg.similarity import nearest, unit_rows
from eigenlm.progress import track
from eigenlm.vector_names import check_index_library
from eigenlm.vectors.fingerprint import Fingerprint
from eigenlm.vectors.word_vectors import Neighbour, WordVectors

GRAPH, ABOUT = "graph.usearch", "index.json"
_CONNECTIVITY, _EXPANSION_WHEN_BUILT = 16, 64
_EXPANSIONS = (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
_BLOCK_ROWS, _QUERIES = 1 << 12, 64


@dataclass(frozen=True, kw_only=True)
class IndexFacts:
    """What is known of an index.

    Attributes:
        num_words: V.
        dim: D.
        expansion: words that are looked at closely for each answer; more find more.
        recall: the share of a word's 10 nearest that are found, the mean over words drawn.
        num_bytes: of the graph's file.
        fingerprint: of what is indexed.
    """

    num_words: int
    dim: int
    expansion: int
    recall: Estimate
    num_bytes: int
    fingerprint: Fingerprint


@dataclass(frozen=True, eq=False, repr=False)
class IndexedVectors(WordVectors):
    """Word vectors whose nearest words are found through an index.

    Attributes:
        graph: usearch's.
    """

    graph: Any = None

    def nearest(self, query: Float[Tensor, " D"], k: int, *, without: Collection[int] = ()) -> list[Neighbour]:
        """The k words that the graph finds nearest, with their exact cosines, the rows `without` left out."""
        unit, left_out = unit_rows(query), set(without)
        found = self.graph.search(unit.numpy(), min(len(self), k + len(left_out)), threads=1).keys
        rows = [row for row in found.tolist() if row not in left_out]
        cosines = unit_rows(self.vectors[rows]) @ unit
        best = cosines.topk(min(k, len(rows)))
        return [
            Neighbour(self.words[rows[i]], cosine) for i, cosine in zip(best.indices.tolist(), best.values.tolist())
        ]


def build_index(
    space: WordVectors, folder: Path, files: Sequence[Path], *, recall: float = 0.95, seed: int = 0, words: int = 500
) -> IndexFacts:
    """Build the index of a space into an empty folder, and look so far in it that nearly all neighbours are found.

    The expansion is the least whose recall at 10, at the lower end of its interval, reaches what is asked for.

    Args:
        space: words and vectors.
        folder: that is there.
        files: the files that the space was read from, if there are any.
        recall: the share of neighbours that has to be found, below 1.
        seed: of the words by which that is measured.
        words: how many of these are drawn.
    """
    graph = _empty(space.dim)
    for rows in track(torch.arange(len(space)).split(_BLOCK_ROWS), "building the index"):
        graph.add(rows.numpy(), unit_rows(space.vectors[rows]).contiguous().numpy(), threads=1)
    graph.save(str(folder / GRAPH))
    expansion, measured = _expansion_for(
        IndexedVectors(space.words, space.vectors, space.source, graph), recall, seed, words
    )
    facts = IndexFacts(
        num_words=len(space),
        dim=space.dim,
        expansion=expansion,
        recall=measured,
        num_bytes=(folder / GRAPH).stat().st_size,
        fingerprint=Fingerprint.of(space, files),
    )
    (folder / ABOUT).write_text(json.dumps(asdict(facts), indent=1) + "\n", encoding="utf-8")
    return facts


def open_index(space: WordVectors, folder: Path, files: Sequence[Path]) -> IndexedVectors:
    """The space with its index, of which only what a question needs is read.

    Raises:
        DataError: no index, a damaged one, or one of other vectors or of these before they were changed.
    """
    try:
        about = read_json(folder / ABOUT)
        size, expansion = regular(folder / GRAPH).stat().st_size, int(about["expansion"])
        sizes = (about["num_bytes"], about["num_words"], about["dim"])
        fits = sizes == (size, len(space), space.dim) and Fingerprint(**about["fingerprint"]).fits(space, files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(explain(f"reading {folder}", expected="an index", got=str(error)[:200])) from error
    if not fits:
        do = "build it again: eigenlm vectors index"
        expected = f"an index of {space.source} as it is now"
        raise DataError(explain(f"reading {folder}", expected=expected, got="one of other vectors", do=do))
    graph = _empty(space.dim)
    graph.view(str(folder / GRAPH))
    graph.expansion_search = expansion
    return IndexedVectors(space.words, space.vectors, space.source, graph)


def _empty(dim: int) -> Any:
    check_index_library()
    from usearch.index import Index

    return Index(ndim=dim, metric="ip", dtype="f16", connectivity=_CONNECTIVITY, expansion_add=_EXPANSION_WHEN_BUILT)


def _expansion_for(indexed: IndexedVectors, recall: float, seed: int, words: int) -> tuple[int, Estimate]:
    k = min(10, len(indexed) - 1)
    drawn = torch.randperm(len(indexed), generator=torch.Generator().manual_seed(seed))[:words]
    wanted = [
        set(rows) - {own}
        for some in track(drawn.split(_QUERIES), "measuring the index")
        for own, rows in zip(some.tolist(), nearest(indexed.vectors[some], indexed.vectors, k + 1).indices.tolist())
    ]
    queries = unit_rows(indexed.vectors[drawn]).numpy()
    for expansion in _EXPANSIONS:
        indexed.graph.expansion_search = expansion
        measured = _recall(indexed, queries, wanted)
        if measured.low >= recall:
            break
    return expansion, measured


def _recall(indexed: IndexedVectors, queries: Float[np.ndarray, "n D"], wanted: Sequence[set[int]]) -> Estimate:
    """The share of the wanted rows that the graph finds among one more, since a word finds itself."""
    shares = [
        len(rows.intersection(indexed.graph.search(query, len(rows) + 1, threads=1).keys.tolist())) / len(rows)
        for query, rows in zip(queries, wanted)
    ]
    return paired_mean(torch.tensor(shares))
