"""What vectors are judged by: Google's analogies, WordSim-353 and SimLex-999.

python benchmarks/word_scores.py VECTORS.npy WORDS.json SETS
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from eigenlm.vectors.analogies import analogies
from eigenlm.vectors.similarity_sets import judged
from eigenlm.vectors.word_vectors import WordVectors

SETS = "from gensim.test.utils import datapath; print(datapath(''))"


def sets_of(python: str) -> Path:
    """The folder of the sets that gensim brings."""
    return Path(subprocess.run([python, "-c", SETS], check=True, capture_output=True, text=True).stdout.strip())


def scores(space: WordVectors, sets: Path) -> dict[str, float]:
    """The share of analogies answered over all words, and rank correlations of cosines with judgements."""
    answered = analogies(space, sets / "questions-words.txt")[-1]
    found = {"analogies": answered.accuracy.value, "honest": answered.honest_accuracy.value, "asked": answered.asked}
    for name in ("wordsim353.tsv", "simlex999.txt"):
        found[name.partition(".")[0]] = judged(space, sets / name).spearman.value
    return found


if __name__ == "__main__":
    vectors, words, folder = map(Path, sys.argv[1:])
    read = WordVectors(tuple(json.loads(words.read_text())), torch.from_numpy(np.load(vectors)))
    print(json.dumps(scores(read, folder)))
