"""Counting, PPMI and eigenvectors of texts up to 1 GB: memory, and how time grows.

python benchmarks/word_corpus_sizes.py --text reviews.txt --work FOLDER [--megabytes 125 250 500 1000] [--seconds 100]

The texts are made of pieces of 20 words from random places of a real one: pairs within a piece are real ones, and those
across its ends go on being new, however long the text is. They are removed when all is measured.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from cells import Cell, measured
from record import record

HERE = Path(__file__).parent
THREADS, PIECE, LINE = 2, 20, 10  # words in a piece, pieces in a line


def main() -> None:
    """Run what is left, then record it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[125, 250, 500, 1000])
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no cell is begun later than that")
    parser.add_argument("--write", type=int, metavar="MEGABYTES", help="write a text of that size, and stop")
    options = parser.parse_args()
    if options.write:
        write_long(options.text, _text(options.work, options.write), options.write * 1_000_000)
        print("{}")
        return
    cells = []
    for size in options.megabytes:
        cells.append(Cell(f"writing {size}", [sys.executable, *sys.argv, "--write", str(size)]))
        train = [sys.executable, str(HERE / "word_training.py"), "ppmi-svd", str(_text(options.work, size))]
        cells.append(Cell(f"{size} MB", train))
    figures = measured(cells, options.work, options.seconds, THREADS)
    if figures is None:
        return
    for size in options.megabytes:
        _text(options.work, size).unlink(missing_ok=True)
    record("word_corpus_sizes", told({size: figures[f"{size} MB"] for size in options.megabytes}))


def told(runs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Memory and seconds by size, and the slope of log(seconds) over log(size): 1 where time is linear."""
    kept: dict[str, Any] = {"must": "2 GB for 1 GB of text, time linear", "threads": THREADS}
    seconds = {size: run["reading, s"] + run["training, s"] for size, run in runs.items()}
    for size, run in runs.items():
        same = {key: run[key] for key in ("words", "vocabulary", "reading, s", "training, s", "peak, MiB")}
        kept[f"{size} MB"] = same | {"seconds": seconds[size], "seconds a MB": seconds[size] / size}
    kept["slope"] = float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])
    return kept


def write_long(source: Path, path: Path, num_bytes: int) -> None:
    """Lines of random pieces of a text."""
    words = np.array(source.read_text(encoding="utf-8").split(), dtype=object)
    drawn, at = np.random.default_rng(0), np.arange(PIECE)
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < num_bytes:
            starts = drawn.integers(len(words) - PIECE, size=(5000, LINE, 1))
            file.writelines(" ".join(line) + "\n" for line in words[starts + at].reshape(5000, -1))


def _text(work: Path, size: int) -> Path:
    return work / f"{size} MB.txt"


if __name__ == "__main__":
    main()
