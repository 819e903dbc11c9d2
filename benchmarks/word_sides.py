"""Cells of trainings by eigenlm and by gensim, and what each training's cells say together."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cells import Cell

HERE = Path(__file__).parent


def ours(name: str, method: str, text: Path, settings: Mapping[str, Any], sets: Path) -> list[Cell]:
    """One process that trains and scores."""
    command = [sys.executable, str(HERE / "word_training.py"), method, str(text)]
    return [Cell(name, [*command, "--settings", json.dumps(settings), "--sets", str(sets)])]


def gensims(
    python: str, name: str, text: Path, settings: Mapping[str, Any], sets: Path, work: Path, at_once: int
) -> list[Cell]:
    """Some epochs in each process, so that none takes long, and one that scores."""
    model, epochs, cells = work / f"{name}.model", settings["epochs"], []
    command = [python, str(HERE / "word_training_gensim.py"), str(text), str(model), json.dumps(settings)]
    for first in range(0, epochs, at_once):
        last = min(first + at_once, epochs)
        cells.append(Cell(f"{name}, epochs {first + 1} to {last}", [*command, str(first), str(last)]))
    vectors, words = str(model.with_suffix(".npy")), str(model.with_suffix(".words"))
    return [*cells, Cell(f"{name}, scores", [sys.executable, str(HERE / "word_scores.py"), vectors, words, str(sets)])]


def together(figures: Mapping[str, Mapping[str, Any]], cells: list[Cell]) -> dict[str, Any]:
    """The figures of a training: seconds added up, the rest as its last cell has it."""
    parts = [figures[cell.name] for cell in cells]
    whole = {key: value for part in parts for key, value in part.items()}
    return whole | {"training, s": sum(part.get("training, s", 0) for part in parts)}
