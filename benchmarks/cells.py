"""Long measurements in small pieces: each cell is a process of its own, whose figures are kept until all are there."""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cell:
    """A piece of a measurement.

    Attributes:
        name: that of the file which keeps its figures, too.
        command: what is run; the last line that it prints is a JSON object.
    """

    name: str
    command: Sequence[str]


def measured(cells: Sequence[Cell], work: Path, seconds: float, threads: int) -> dict[str, dict[str, Any]] | None:
    """The figures of all cells in their order, or None if the time is up: the same call goes on from there.

    Args:
        cells: what is to be run, one after the other.
        work: a folder that keeps figures.
        seconds: no cell is begun later than that.
        threads: of each process.
    """
    work.mkdir(parents=True, exist_ok=True)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    begun = time.perf_counter()
    for number, cell in enumerate(cells):
        kept = work / f"{cell.name}.json"
        if kept.exists():
            continue
        if time.perf_counter() - begun > seconds:
            print(f"{number} of {len(cells)} cells are there; the same command goes on")
            return None
        said = subprocess.run(cell.command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
        figures = json.loads(said.splitlines()[-1]) | {"load_average": round(os.getloadavg()[0], 2)}
        kept.write_text(json.dumps(figures))
        print(f"{time.perf_counter() - begun:5.0f} s", cell.name, json.dumps(figures), flush=True)
    return {cell.name: json.loads((work / f"{cell.name}.json").read_text()) for cell in cells}
