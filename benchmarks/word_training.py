"""Word vectors of a text in a process of its own: how long it took, and how good they are.

python benchmarks/word_training.py METHOD TEXT [--settings JSON] [--sets FOLDER] [--most WORDS]
"""

import argparse
import hashlib
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from record import peak_mib
from word_scores import scores

from eigenlm.config import from_dict
from eigenlm.vectors.corpus import read_corpus
from eigenlm.vectors.methods import METHODS
from eigenlm.vectors.word_vectors import WordVectors


def main() -> None:
    """Read, train, and print figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("text", type=Path)
    parser.add_argument("--settings", type=json.loads, default={}, help="other than the defaults")
    parser.add_argument(
        "--sets", type=Path, help="the folder of questions-words.txt and sets of pairs; no scores without"
    )
    parser.add_argument("--most", type=int, help="the most frequent words alone")
    options = parser.parse_args()
    method = METHODS[options.method]
    config = from_dict(method.config, options.settings, options.method)
    figures = {"threads": torch.get_num_threads(), "settings": asdict(config)}
    start = time.perf_counter()
    corpus = read_corpus(options.text, most=options.most)
    figures |= {"reading, s": time.perf_counter() - start, "words": int(corpus.counts.sum())}
    figures["vocabulary"] = len(corpus.words)
    if hasattr(config, "epochs"):  # these are compiled when they are first called
        start = time.perf_counter()
        method.train(replace(corpus, ids=corpus.ids[:2000]), replace(config, epochs=1))
        figures["first call, a few words, s"] = time.perf_counter() - start
    start = time.perf_counter()
    trained = method.train(corpus, config)
    figures |= {"training, s": time.perf_counter() - start, "peak, MiB": peak_mib(), "losses": trained.losses}
    figures["sha256"] = hashlib.sha256(trained.vectors.numpy().tobytes()).hexdigest()
    if options.sets:
        figures |= scores(WordVectors(corpus.words, trained.vectors), options.sets)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
