"""PPMI and SVD against the best cell of a grid of gensim's skip-gram, on 2.5 million words.

python benchmarks/word_grid.py --python PYTHON --text brown-nlp.txt --work FOLDER [--seconds 100] [--dims 100]

PYTHON is an interpreter that has gensim. Both sides read the same words and keep those that are there five times; each
cell of the grid is trained after a run of ours, in processes of two threads. Seconds are those of reading the text and
of training, without starting Python. The command goes on where it stopped, until all cells are there.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

from cells import measured
from record import record, spread
from word_scores import sets_of
from word_sides import Peer, gensims, ours, together

THREADS = 2
DIMS, NEGATIVES, EPOCHS = (100, 200, 300), (5, 15), (5, 20)
SCORES = ("analogies", "wordsim353", "simlex999")


def main() -> None:
    """Run what is left of the grid, then record it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no cell is begun later than that")
    parser.add_argument("--dims", type=int, nargs="+", default=[100], help="of ours; the first is judged")
    options = parser.parse_args()
    sets = sets_of(options.python)
    peer = Peer(python=options.python, text=options.text, sets=sets, work=options.work)
    trainings = {}
    for number, (epochs, negatives, dim) in enumerate(itertools.product(EPOCHS, NEGATIVES, DIMS)):
        for own in options.dims:
            name = f"ppmi-svd {own} numbers, run {number + 1}"
            trainings[name] = ours(name, "ppmi-svd", options.text, {"dim": own}, sets)
        name = f"gensim {dim} numbers, {negatives} negatives, {epochs} epochs"
        settings = {"sg": 1, "vector_size": dim, "negative": negatives, "epochs": epochs, "workers": THREADS, "seed": 1}
        at_once = max(1, 3000 // (dim * (1 + negatives)))
        trainings[name] = gensims(peer, name, settings, at_once)
    cells = [cell for training in trainings.values() for cell in training]
    figures = measured(cells, options.work, options.seconds, THREADS)
    if figures is not None:
        record("word_grid", judged({name: together(figures, cells) for name, cells in trainings.items()}, options.dims))


def judged(runs: dict[str, dict[str, Any]], dims: list[int]) -> dict[str, Any]:
    """Ours, each cell of the grid, and ours against the best of the grid."""
    grid = {name: run for name, run in runs.items() if name.startswith("gensim")}
    kept = {}
    for dim in dims:
        same = [run for name, run in runs.items() if name.startswith(f"ppmi-svd {dim} ")]
        assert len({run["sha256"] for run in same}) == 1  # reruns are the same to the bit
        seconds = spread([run["reading, s"] + run["training, s"] for run in same])
        kept[f"ppmi-svd, {dim} numbers"] = {"seconds": seconds} | {score: same[0][score] for score in SCORES}
    judge = kept[f"ppmi-svd, {dims[0]} numbers"]
    best = {score: max(grid, key=lambda name: grid[name][score]) for score in SCORES}
    any_run = next(iter(runs.values()))
    assert len({(run["words"], run["vocabulary"]) for run in runs.values()}) == 1
    faster = {score: _seconds(grid[name]) / judge["seconds"]["median"] for score, name in best.items()}
    return {
        "must": "3 times as fast as the best cell, 1.3 times its analogies, pairs within .05 of the best cells",
        "words": any_run["words"],
        "vocabulary": any_run["vocabulary"],
        "threads": THREADS,
        "best cells": best,
        "times as fast as the cell best at": faster,
        "analogies, times those of the best": judge["analogies"] / grid[best["analogies"]]["analogies"],
        "pairs, above the best": {score: judge[score] - grid[best[score]][score] for score in SCORES[1:]},
        **kept,
        **{name: {"seconds": _seconds(run)} | {score: run[score] for score in SCORES} for name, run in grid.items()},
        "gensim": next(iter(grid.values()))["gensim"],
    }


def _seconds(run: dict[str, Any]) -> float:
    return run["reading, s"] + run["training, s"]


if __name__ == "__main__":
    main()
