"""Cells of trainings by eigenlm and by gensim, and what each training's cells say together."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells import Cell

HERE = Path(__file__).parent


def ours(name: str, method: str, text: Path, settings: Mapping[str, Any], sets: Path) -> list[Cell]:
    """One process that trains and scores."""
    command = [sys.executable, str(HERE / "word_training.py"), method, str(text)]
    return [Cell(name, [*command, "--settings", json.dumps(settings), "--sets", str(sets)])]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """gensim, and what it is given.

    Attributes:
        python: an interpreter that has it.
        text: lines of words.
        sets: the folder of questions and pairs.
        work: where models and vectors are kept.
        reading: `file` or `lines`, as `word_training_gensim.py` has it.
    """

    python: str
    text: Path
    sets: Path
    work: Path
    reading: str = "file"


def gensims(peer: Peer, name: str, settings: Mapping[str, Any], at_once: int) -> list[Cell]:
    """Some epochs in each process, so that none takes long, and one that scores."""
    model, epochs, cells = peer.work / f"{name}.model", settings["epochs"], []
    command = [peer.python, str(HERE / "word_training_gensim.py"), str(peer.text), str(model), json.dumps(settings)]
    for first in range(0, epochs, at_once):
        last = min(first + at_once, epochs)
        cells.append(Cell(f"{name}, epochs {first + 1} to {last}", [*command, str(first), str(last), peer.reading]))
    vectors, words = str(model.with_suffix(".npy")), str(model.with_suffix(".words"))
    return [
        *cells,
        Cell(f"{name}, scores", [sys.executable, str(HERE / "word_scores.py"), vectors, words, str(peer.sets)]),
    ]


def together(figures: Mapping[str, Mapping[str, Any]], cells: list[Cell]) -> dict[str, Any]:
    """The figures of a training: seconds added up, the rest as its last cell has it."""
    parts = [figures[cell.name] for cell in cells]
    whole = {key: value for part in parts for key, value in part.items()}
    return whole | {"training, s": sum(part.get("training, s", 0) for part in parts)}
