"""Reruns of every way to make word vectors, with one and with two threads: whether they are the same to the bit.

python benchmarks/word_reruns.py --text brown-nlp.txt --work FOLDER [--seconds 100]

Each run is a process of its own; methods that learn by steps read the text once.
"""

import argparse
import json
import sys
from pathlib import Path

from cells import Cell, measured
from record import record

from eigenlm.vectors.methods import METHODS

HERE = Path(__file__).parent


def main() -> None:
    """Run each method four times, then record which runs are alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no cell is begun later than that")
    options = parser.parse_args()
    digests: dict[int, dict[str, list[str]]] = {}
    for threads in (1, 2):
        cells = {method: [_cell(method, options.text, run) for run in (1, 2)] for method in METHODS}
        flat = [cell for both in cells.values() for cell in both]
        figures = measured(flat, options.work / f"{threads} threads", options.seconds, threads)
        if figures is None:
            return
        assert {run["threads"] for run in figures.values()} == {threads}
        digests[threads] = {method: [figures[cell.name]["sha256"] for cell in both] for method, both in cells.items()}
    told = {
        method: {
            "equal at 1 thread": len(set(digests[1][method])) == 1,
            "equal at 2 threads": len(set(digests[2][method])) == 1,
            "equal at 1 and 2": len({*digests[1][method], *digests[2][method]}) == 1,
            "sha256": digests[1][method][0],
        }
        for method in METHODS
    }
    record("word_reruns", {"text": options.text.name, **told})


def _cell(method: str, text: Path, run: int) -> Cell:
    settings = json.dumps({} if method == "ppmi-svd" else {"epochs": 1})
    return Cell(
        f"{method}, run {run}",
        [sys.executable, str(HERE / "word_training.py"), method, str(text), "--settings", settings],
    )


if __name__ == "__main__":
    main()
