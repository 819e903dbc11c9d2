"""The ten nearest of many words: exact, through the index, and through other libraries on the same vectors.

eigenlm vectors index glove-6b-50d --out INDEX
python benchmarks/neighbours.py --python PYTHON --index INDEX [--vectors glove-6b-50d] [--peers gensim hnswlib faiss]

PYTHON is an interpreter that has the peers. gensim is exact; the graphs of the others have 16 connections and are asked
with the least expansion that finds 95 % of the nearest on half of the words; recall is told of the other half.
Queries go one at a time, in two threads where all words are looked at and in one elsewhere.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import installed, record, spread

from eigenlm.linalg.similarity import nearest, unit_rows
from eigenlm.vectors.formats import files_of, read_vectors
from eigenlm.vectors.index import open_index
from eigenlm.vectors.word_vectors import WordVectors

PEER = """
import json, sys, time
import numpy as np
library, table, queries, truth = sys.argv[1], np.load(sys.argv[2]), np.load(sys.argv[3]), np.load(sys.argv[4])
begun = time.perf_counter()
if library == "gensim":
    from gensim.models import KeyedVectors
    kept = KeyedVectors(table.shape[1])
    kept.add_vectors([str(i) for i in range(len(table))], table)
    ask = lambda row: [int(word) for word, _ in kept.most_similar(positive=[table[row]], topn=11)]
    expansions, look = [0], lambda expansion: None
elif library == "hnswlib":
    import hnswlib
    graph = hnswlib.Index(space="ip", dim=table.shape[1])
    graph.init_index(len(table), ef_construction=64, M=16, random_seed=0)
    graph.add_items(table, np.arange(len(table)), num_threads=1)
    ask = lambda row: graph.knn_query(table[row], k=11, num_threads=1)[0][0].tolist()
    expansions, look = [32, 64, 96, 128, 192, 256, 384], graph.set_ef
else:
    import faiss
    faiss.omp_set_num_threads(1)
    graph = faiss.IndexHNSWFlat(table.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 64
    graph.add(table)
    ask = lambda row: graph.search(table[row : row + 1], 11)[1][0].tolist()
    expansions, look = [32, 64, 96, 128, 192, 256, 384], lambda expansion: setattr(graph.hnsw, "efSearch", expansion)
built = time.perf_counter() - begun
recall = lambda some: float(np.mean([len((set(ask(row)) - {row}) & set(near)) / 10 for row, near in some]))
pairs = list(zip(queries.tolist(), truth.tolist()))
for expansion in expansions:
    look(expansion)
    if recall(pairs[: len(pairs) // 2]) >= 0.95:
        break
seconds = []
for row in queries.tolist():
    start = time.perf_counter()
    ask(row)
    seconds.append(time.perf_counter() - start)
found = recall(pairs[len(pairs) // 2 :])
print(json.dumps({"seconds to build": built, "expansion": expansion, "recall": found, "seconds": seconds}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--vectors", default="glove-6b-50d")
    parser.add_argument("--peers", nargs="*", default=["gensim", "hnswlib", "faiss"])
    parser.add_argument("--words", type=int, default=1000)
    options = parser.parse_args()
    space = read_vectors(options.vectors)
    rows = np.random.default_rng(0).choice(len(space), options.words, replace=False)
    truth = _exact(space, rows)
    indexed = open_index(space, options.index, files_of(options.vectors))
    figures: dict[str, Any] = {"words": len(space), "numbers": space.dim, "usearch": installed("usearch")}
    for name, of, threads in (("eigenlm exact", space, 2), ("eigenlm index", indexed, 1)):
        torch.set_num_threads(threads)
        figures[name] = _asked(of, rows, truth)
        print(name, figures[name], flush=True)
    figures["eigenlm index"]["expansion"] = int(indexed.graph.expansion_search)
    with tempfile.TemporaryDirectory() as folder:
        table = unit_rows(space.vectors).contiguous().numpy()
        for name, array in (("table", table), ("rows", rows), ("truth", truth)):
            np.save(f"{folder}/{name}.npy", array)
        for peer in options.peers:
            command = [
                options.python,
                "-c",
                PEER,
                peer,
                *(f"{folder}/{name}.npy" for name in ("table", "rows", "truth")),
            ]
            said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            figures[peer] = {**said, "seconds": _quantiles(said["seconds"])}
            print(peer, figures[peer], flush=True)
    record("neighbours", figures)


def _exact(space: WordVectors, rows: np.ndarray) -> np.ndarray:
    """The ten nearest of each, itself left out, block by block."""
    found = [nearest(space.vectors[some], space.vectors, 11).indices for some in torch.from_numpy(rows).split(50)]
    return np.array([[row for row in near if row != own][:10] for own, near in zip(rows, torch.cat(found).tolist())])


def _asked(space: WordVectors, rows: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Time and recall of one question after the other; the first, which also reads or measures lengths, apart."""
    seconds, found = [], []
    for row, near in zip(rows.tolist(), truth.tolist()):
        start = time.perf_counter()
        answers = space.nearest(space.vectors[row], 10, without=(row,))
        seconds.append(time.perf_counter() - start)
        found.append(len({space.place[one.word] for one in answers} & set(near)) / 10)
    half = len(found) // 2
    return {"first": seconds[0], "seconds": _quantiles(seconds[1:]), "recall": float(np.mean(found[half:]))}


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    return spread(seconds) | {"p95": float(np.quantile(seconds, 0.95))}


if __name__ == "__main__":
    main()
