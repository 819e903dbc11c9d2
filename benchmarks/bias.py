"""Measures of bias, hard debiasing and IsoScore beside WEFE and the authors' package: how far the figures differ.

python benchmarks/bias.py --python PYTHON [--vectors glove-6b-50d]

PYTHON is an interpreter that has wefe and IsoScore, and scikit-learn, gensim and torch, which they need. Both sides get
the same words and float32 vectors, and the queries of `vectors/bias/queries.toml` with those words that have a vector.
WEFE's RNSB is told to leave no word out and to go on to the minimum (`holdout=False`, `tol=1e-12`), as it does not do
by itself.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import record

from eigenlm.linalg.isotropy import isotropy
from eigenlm.vectors.bias import BiasQuery, DebiasWords, bias, formulas, hard_debias, read_queries
from eigenlm.vectors.bias.word_sets import find_sets
from eigenlm.vectors.formats import read_vectors
from eigenlm.vectors.word_vectors import WordVectors

WORDS = 20_000  # of the space, and those of the queries
ISOTROPY = 5000
PEER = """
import json, sys, time
import numpy, torch
from importlib.metadata import version
from gensim.models import KeyedVectors
from wefe.debias.hard_debias import HardDebias
from wefe.metrics import ECT, MAC, RIPA, RND, RNSB, WEAT
from wefe.query import Query
from wefe.word_embedding_model import WordEmbeddingModel
from IsoScore.IsoScore import IsoScore
folder = sys.argv[1]
asked = json.load(open(folder + "/asked.json"))
vectors = numpy.load(folder + "/vectors.npy")
keyed = KeyedVectors(vectors.shape[1])
keyed.add_vectors(asked["words"], vectors)
model = WordEmbeddingModel(keyed, "space")
peers = ("wefe", "IsoScore", "scikit-learn", "gensim", "numpy")
told = {"versions": {name: version(name) for name in peers}, "queries": []}
logit = {"solver": "liblinear", "max_iter": 100000, "tol": 1e-12}
start = time.perf_counter()
for one in asked["queries"]:
    X, A = one["targets"], one["attributes"]
    whole = Query(X, A)
    found = {}
    weat = WEAT().run_query(whole, model)
    found["weat"], found["weat, sum"] = float(weat["effect_size"]), float(weat["weat"])
    found["mac"] = float(MAC().run_query(whole, model)["mac"])
    found["rnsb"] = float(RNSB().run_query(whole, model, holdout=False, estimator_params=dict(logit))["rnsb"])
    for i, some in enumerate(A):
        part = Query(X, [some])
        found[f"rnd {i}"] = float(RND().run_query(part, model)["rnd"])
        found[f"ect {i}"] = float(ECT().run_query(part, model)["ect"])
        if one["paired"]:
            found[f"ripa {i}"] = float(RIPA().run_query(part, model)["ripa"])
    told["queries"].append(found)
told["seconds of the measures"] = time.perf_counter() - start
start = time.perf_counter()
X, A = asked["queries"][-1]["targets"], asked["queries"][-1]["attributes"]
p = WEAT().run_query(Query(X, A), model, calculate_p_value=True, p_value_iterations=1000)["p_value"]
told["p of the last query, of 1000 draws"], told["seconds of p"] = float(p), time.perf_counter() - start
told["iso_score"] = float(IsoScore(torch.tensor(vectors[:asked["isotropy"]]).double().numpy()))
start = time.perf_counter()
debias = HardDebias(pca_args={"n_components": 5})
debias.fit(model, definitional_pairs=asked["pairs"], equalize_pairs=asked["equalize"])
new = debias.transform(model, ignore=asked["specific"], copy=False)
told["seconds of debiasing"] = time.perf_counter() - start
numpy.save(folder + "/debiased.npy", numpy.array([new[word] for word in asked["words"]]))
json.dump(told, open(folder + "/told.json", "w"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True)
    parser.add_argument("--vectors", default="glove-6b-50d")
    options = parser.parse_args()
    said = read_queries()
    space, queries = _part(read_vectors(options.vectors), said.queries)
    debias = said.debias
    known = replace(debias, pairs=_known(space, debias.pairs), equalize=_known(space, debias.equalize))
    with tempfile.TemporaryDirectory() as folder:
        _ask(Path(folder), space, queries, known)
        subprocess.run([options.python, "-c", PEER, folder], check=True, capture_output=True)
        told = json.loads((Path(folder) / "told.json").read_text())
        theirs = np.load(Path(folder) / "debiased.npy")
    start = time.perf_counter()
    ours = [_measured(space, query) for query in queries]
    seconds = time.perf_counter() - start
    differences: dict[str, float] = {}
    for one, other in zip(ours, told["queries"], strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            kind = name.rstrip(" 01")
            differences[kind] = max(differences.get(kind, 0.0), abs(value - other[name]))
    start = time.perf_counter()
    debiased = hard_debias(space, known)
    debiasing = time.perf_counter() - start
    own, lengths = debiased.space.vectors.numpy(), np.linalg.norm(theirs, axis=1, keepdims=True)
    iso = isotropy(space.vectors[:ISOTROPY]).iso_score
    assert iso is not None
    start = time.perf_counter()
    [last] = bias(space, queries[-1:])
    test = last.scores[0].test
    assert test is not None
    figures: dict[str, Any] = {
        "vectors": options.vectors,
        "queries": len(queries),
        "largest difference from WEFE": differences,
        "largest difference of a number of a debiased vector at length 1": float(np.abs(own - theirs / lengths).max()),
        "words that WEFE leaves at another length": int((np.abs(lengths - 1) > 1e-4).sum()),
        "difference of IsoScore": abs(iso - told["iso_score"]),
        "seconds": {"eigenlm": seconds, "wefe": told["seconds of the measures"]},
        "seconds of debiasing": {"eigenlm": debiasing, "wefe": told["seconds of debiasing"], "words": len(space)},
        "p of the query of pairs": {
            "eigenlm, exact": test.p.value,
            "ways": test.ways,
            "seconds with the interval": time.perf_counter() - start,
            "wefe, 1,000 draws": told["p of the last query, of 1000 draws"],
            "seconds of wefe": told["seconds of p"],
        },
        "values": {query.name: one for query, one in zip(queries, ours)},
        "versions of the peers": told["versions"],
    }
    print(json.dumps({**figures, "values": None}, indent=1))
    record("bias", figures)


def _part(space: WordVectors, queries: Iterable[BiasQuery]) -> tuple[WordVectors, list[BiasQuery]]:
    """The first words and those of the queries; the queries with the words that are there, as the space spells them."""
    asked = []
    for query in queries:
        sets = find_sets(space, query)
        groups = {"targets": sets.targets, "attributes": sets.attributes}
        spelled = {
            side: tuple(
                replace(group, words=tuple(space.words[space.index(word)] for word in one.words))
                for group, one in zip(getattr(query, side), found)
            )
            for side, found in groups.items()
        }
        asked.append(replace(query, **spelled))
    words = dict.fromkeys(space.words[:WORDS])
    words |= dict.fromkeys(
        word for query in asked for group in query.targets + query.attributes for word in group.words
    )
    rows = [space.place[word] for word in words]
    return WordVectors(tuple(words), space.vectors[rows], space.source), asked


def _known(space: WordVectors, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    found = (tuple(word if word in space else word.lower() for word in pair) for pair in pairs)
    return tuple((one, other) for one, other in found if one in space and other in space)


def _ask(folder: Path, space: WordVectors, queries: Iterable[BiasQuery], debias: DebiasWords) -> None:
    asked = {
        "words": space.words,
        "queries": [
            {
                "targets": [group.words for group in query.targets],
                "attributes": [group.words for group in query.attributes],
                "paired": query.paired,
            }
            for query in queries
        ],
        "pairs": debias.pairs,
        "equalize": debias.equalize,
        "isotropy": ISOTROPY,
        "specific": sorted(word for word in debias.specific if word in space),
    }
    (folder / "asked.json").write_text(json.dumps(asked))
    np.save(folder / "vectors.npy", space.vectors.numpy())


def _measured(space: WordVectors, query: BiasQuery) -> dict[str, float]:
    """The figures alone, without intervals."""
    sets = find_sets(space, query)
    targets, attributes = ([group.vectors for group in groups] for groups in (sets.targets, sets.attributes))
    weat = formulas.weat(*targets, *attributes)
    count = len(targets[0])
    found = {"weat": weat.value, "weat, sum": weat.by_word[:count].sum() - weat.by_word[count:].sum()}
    found["mac"] = formulas.mean_average_cosine(targets, attributes).value
    found["rnsb"] = formulas.relative_negative_sentiment(targets, *attributes).value
    for i, some in enumerate(attributes):
        found[f"rnd {i}"] = formulas.relative_norm_distance(*targets, some).value
        found[f"ect {i}"] = formulas.embedding_coherence(*targets, some).value
        if query.paired:
            found[f"ripa {i}"] = formulas.relational_inner_product(torch.stack(targets, dim=1), some).value
    return {name: float(value) for name, value in found.items()}


if __name__ == "__main__":
    main()
