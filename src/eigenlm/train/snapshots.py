"""Snapshots of a run: whole, checksummed, and each able to go on as if nothing had happened."""

import json
import shutil
import sys
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import Any

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.errors import CheckpointError, EigenError, explain
from eigenlm.files import published_folder
from eigenlm.train.snapshot_files import (
    load_model_and_optimizer_,
    load_state,
    model_and_optimizer_tensors,
    save_state,
)
from eigenlm.train.training import Position, Training

VERSION = 1


def save_snapshot(folder: Path, training: Training, beside: dict[str, Any]) -> Path:
    """Write where a run stands; every rank calls it.

    The folder holds safetensors, `state.json` and, written last, `manifest.json` with the size and SHA-256 of each
    file. It is made under a hidden name and takes its own when all of it is on the disk: a folder that can be seen is
    whole, unless the disk itself has lost something, which the checksums tell.

    Args:
        folder: of the run's snapshots.
        training: what is written.
        beside: more plain JSON, kept in `state.json`.

    Returns:
        The snapshot's folder.

    Raises:
        DataError: the disk is full, or the place cannot be written; nothing is left behind.
    """
    ranks, target = training.ranks, folder / snapshot_name(training.position)
    if ranks.broadcast(target.exists()):
        return target
    state = {"version": VERSION, **training.numbers(), **beside}
    with published_folder(target, is_first=ranks.is_first, share=ranks.broadcast) as place:
        tensors = {**model_and_optimizer_tensors(training.model, training.optimizer), **training.tensors()}
        save_state(place, tensors, ranks)
        ranks.barrier()
        if ranks.is_first:
            (place / "state.json").write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
            sums = {file.name: {"bytes": file.stat().st_size, "sha256": _sha256(file)} for file in _files(place)}
            (place / "manifest.json").write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")
    return target


def snapshot_name(position: Position) -> str:
    """Of the snapshot of a place in a run; names sort as places do."""
    return f"step-{position.step:08d}-batch-{position.batch:08d}-{position.micro:04d}"


def load_snapshot(path: Path, training: Training) -> dict[str, Any]:
    """Put a run where a snapshot stands; every rank calls it.

    Returns:
        The whole of `state.json`.

    Raises:
        CheckpointError: it is of another model.
    """
    state = read_json_object(path / "state.json")
    load_model_and_optimizer_(path, training.model, training.optimizer, training.ranks)
    tensors = training.empty_tensors(Position(**state["position"]))
    load_state(path, tensors, training.ranks)
    training.load(tensors, state)
    return state


def snapshots(folder: Path) -> list[Path]:
    """Of a run, the oldest first; whether they are whole is for `check_snapshot` to say."""
    return sorted(folder.glob("step-*")) if folder.is_dir() else []


def latest_snapshot(folder: Path) -> Path | None:
    """The newest that is whole; damaged ones are told of on standard error and passed over.

    Raises:
        CheckpointError: there are some, and all are damaged.
    """
    found = snapshots(folder)
    for path in reversed(found):
        try:
            check_snapshot(path)
        except EigenError as error:
            print(f"eigenlm: {error}; passed over", file=sys.stderr)
        else:
            return path
    if found:
        do = "start anew in another folder"
        raise CheckpointError(explain(f"reading {folder}", expected="a whole snapshot", got="damaged ones", do=do))
    return None


def check_snapshot(path: Path) -> None:
    """Hold every file of a snapshot against its checksum.

    Raises:
        CheckpointError: a file is missing, cut short or changed, or another version wrote it.
    """
    for name, entry in read_json_object(path / "manifest.json").items():
        file = path / name
        size = file.stat().st_size if file.is_file() else None
        if size != entry["bytes"]:
            got = "none" if size is None else f"{size:,} bytes"
            raise CheckpointError(explain(f"reading {file}", expected=f"{entry['bytes']:,} bytes", got=got))
        if _sha256(file) != entry["sha256"]:
            raise CheckpointError(explain(f"reading {file}", expected="what was written", got="other bytes"))
    if (version := read_json_object(path / "state.json").get("version")) != VERSION:
        raise CheckpointError(explain(f"reading {path}", expected=f"version {VERSION}", got=version))


def prune_snapshots(folder: Path, keep_last: int, best: str | None) -> None:
    """Leave the newest `keep_last` and the one named `best`; the others vanish in one step each."""
    for path in snapshots(folder)[:-keep_last]:
        if path.name != best:
            doomed = path.with_name(f".{path.name}.deleted")
            path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Take away what a killed process left half-written or half-deleted."""
    for path in folder.glob(".step-*"):
        shutil.rmtree(path, ignore_errors=True)


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(path for path in folder.iterdir() if path.is_file()))


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()
