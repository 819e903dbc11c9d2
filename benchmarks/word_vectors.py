"""Skip-gram and CBOW beside gensim's: words a second, analogies and similarity, each with the spread of its seeds.

python benchmarks/word_vectors.py --python PYTHON --text FILE [--threads 2] [--seeds 3] [--epochs 5]

PYTHON is an interpreter that has gensim, which also brings the three sets of questions. Both sides get the same words,
read by eigenlm, and the same settings; gensim reads them from a file, which its threads do without waiting for each
other. Runs go by turns, and each side's time is that of its training alone, compiled before.
"""

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import record, spread
from scipy.stats import spearmanr

from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors import cbow, skip_gram
from eigenlm.vectors.corpus import BOUNDARY, Corpus, read_corpus

LEARNERS = {
    "skip-gram": (1, skip_gram.train, skip_gram.SkipGram()),
    "cbow": (0, cbow.train, cbow.ContinuousBagOfWords()),
}
PEER = """
import json, sys, time
import numpy
from gensim.models import Word2Vec
lines, out, sg, seed, threads, epochs = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
settings = dict(vector_size=100, window=5, negative=5, sample=1e-3, alpha=0.025, min_alpha=1e-4, min_count=1)
model = Word2Vec(sg=sg, seed=seed, workers=threads, epochs=epochs, **settings)
model.build_vocab(corpus_file=lines)
start = time.perf_counter()
model.train(corpus_file=lines, total_words=model.corpus_total_words, total_examples=model.corpus_count, epochs=epochs)
seconds = time.perf_counter() - start
numpy.save(out, model.wv.vectors)
print(json.dumps({"seconds": seconds, "words": model.wv.index_to_key}))
"""
SETS = "from gensim.test.utils import datapath; print(datapath(''))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    corpus = read_corpus(options.text)
    sets = Path(subprocess.run([options.python, "-c", SETS], check=True, capture_output=True, text=True).stdout.strip())
    figures: dict[str, Any] = {"words of the text": int(corpus.counts.sum()), "vocabulary": len(corpus.words)}
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        lines.write_text(_lines(corpus))
        for name, (sg, train, config) in LEARNERS.items():
            start = time.perf_counter()
            train(replace(corpus, ids=corpus.ids[:2000]), replace(config, epochs=1))
            runs: dict[str, list[dict[str, float]]] = {"eigenlm": [], "gensim": []}
            first_call = time.perf_counter() - start
            for seed in range(1, options.seeds + 1):
                start = time.perf_counter()
                trained = train(corpus, replace(config, seed=seed, epochs=options.epochs))
                seconds = time.perf_counter() - start
                ours = _scores(corpus.words, trained.vectors, sets)
                runs["eigenlm"].append({**ours, "words/s": _rate(corpus, options, seconds), "loss": trained.losses[-1]})
                numbers = map(str, (sg, seed, options.threads, options.epochs))
                command = [options.python, "-c", PEER, str(lines), f"{folder}/gensim.npy", *numbers]
                said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                theirs = _scores(said["words"], torch.from_numpy(np.load(f"{folder}/gensim.npy")), sets)
                runs["gensim"].append({**theirs, "words/s": _rate(corpus, options, said["seconds"])})
                print(name, seed, runs["eigenlm"][-1], runs["gensim"][-1], flush=True)
            figures[name] = {
                side: {figure: spread([run[figure] for run in found]) for figure in found[0]}
                for side, found in runs.items()
            }
            figures[name]["first call, a few words, s"] = first_call
    record("word_vectors", figures)


def _rate(corpus: Corpus, options: argparse.Namespace, seconds: float) -> float:
    return int(corpus.counts.sum()) * options.epochs / seconds


def _lines(corpus: Corpus) -> str:
    words = np.array([*corpus.words, "\n"], dtype=object)  # the last place is that of BOUNDARY
    assert BOUNDARY == -1
    return " ".join(words[corpus.ids])


def _scores(words: tuple[str, ...], vectors: torch.Tensor, sets: Path) -> dict[str, float]:
    place = {word: row for row, word in enumerate(words)}
    units = unit_rows(vectors)
    asked = [line.lower().split() for line in (sets / "questions-words.txt").read_text().splitlines()]
    known = torch.tensor([[place[word] for word in four] for four in asked if all(word in place for word in four)])
    right = 0
    for a, b, c, d in (part.T for part in known.split(1000)):
        cosines = (units[b] - units[a] + units[c]) @ units.T
        for given in (a, b, c):
            cosines[torch.arange(len(a)), given] = -torch.inf
        right += int((cosines.argmax(1) == d).sum())
    found = {"analogies": right / len(known)}
    for name in ("wordsim353.tsv", "simlex999.txt"):
        rows = [line.split("\t") for line in (sets / name).read_text().splitlines() if not line.startswith("#")]
        pairs = [(one.lower(), other.lower(), float(score)) for one, other, score, *_ in rows]
        pairs = [pair for pair in pairs if pair[0] in place and pair[1] in place]
        one, other = ([place[pair[side]] for pair in pairs] for side in (0, 1))
        cosines = (units[one] * units[other]).sum(1)
        found[name.partition(".")[0]] = float(spearmanr(cosines, [pair[2] for pair in pairs]).statistic)
    return found


if __name__ == "__main__":
    main()
