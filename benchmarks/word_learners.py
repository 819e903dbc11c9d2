"""Skip-gram and CBOW beside gensim's at the same settings: words a second and scores, with the spread of seeds.

python benchmarks/word_learners.py --python PYTHON --text reviews.txt --work FOLDER [--seconds 100] [--epochs 5]

PYTHON is an interpreter that has gensim. Both sides get the same words and settings, two threads, and a run of one side
follows a run of the other; the time is that of training alone, compiled before. gensim is fastest when its threads read
the file, and has the learning rate that it is told only when they are given lines (`word_training_gensim.py`): speed is
held against the first, scores against the second. The command goes on where it stopped.
"""

import argparse
from pathlib import Path
from typing import Any

from cells import measured
from record import record, spread
from word_scores import sets_of
from word_sides import Peer, gensims, ours, together

THREADS = 2
LEARNERS = {"sgns": 1, "cbow": 0}
FIGURES = ("words/s", "analogies", "honest", "wordsim353", "simlex999")


def main() -> None:
    """Run what is left, then record it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no cell is begun later than that")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=LEARNERS, default=list(LEARNERS))
    options = parser.parse_args()
    sets, work = sets_of(options.python), options.work / f"{options.epochs} epochs"
    trainings: dict[tuple[str, str, int], Any] = {}
    for method in options.only:
        for seed in range(1, options.seeds + 1):
            said = {"epochs": options.epochs, "seed": seed}
            trainings[method, "eigenlm", seed] = ours(f"{method} seed {seed}", method, options.text, said, sets)
            said |= {"sg": LEARNERS[method], "vector_size": 100, "negative": 5, "workers": THREADS}
            for reading in ("file", "lines"):
                peer = Peer(python=options.python, text=options.text, sets=sets, work=work, reading=reading)
                name = f"gensim {method} by {reading} seed {seed}"
                trainings[method, f"gensim by {reading}", seed] = gensims(peer, name, said, 1)
    cells = [cell for training in trainings.values() for cell in training]
    figures = measured(cells, work, options.seconds, THREADS)
    if figures is None:
        return
    runs = {key: together(figures, cells) for key, cells in trainings.items()}
    for run in runs.values():
        run["words/s"] = run["words"] * options.epochs / run["training, s"]
    any_run = next(iter(runs.values()))
    told = {
        "words": any_run["words"],
        "vocabulary": any_run["vocabulary"],
        "epochs": options.epochs,
        "threads": THREADS,
    }
    told["gensim"] = next(run["gensim"] for run in runs.values() if "gensim" in run)
    record("word_learners", {**told, **{method: beside(method, runs) for method in options.only}})


def beside(method: str, runs: dict[tuple[str, str, int], dict[str, Any]]) -> dict[str, Any]:
    """Both sides over their seeds, and how many times as fast ours is."""
    found: dict[str, Any] = {}
    for side in ("eigenlm", "gensim by file", "gensim by lines"):
        same = [run for (name, whose, _), run in runs.items() if (name, whose) == (method, side)]
        found[side] = {figure: spread([run[figure] for run in same]) for figure in FIGURES}
    theirs = max(found[f"gensim by {reading}"]["words/s"]["median"] for reading in ("file", "lines"))
    found["words/s, times gensim's faster reading"] = found["eigenlm"]["words/s"]["median"] / theirs
    return found


if __name__ == "__main__":
    main()
