"""Snapshots of a run: whole, checksummed, and each able to go on as if nothing had happened."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import Any

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.errors import CheckpointError, explain
from eigenlm.files import published_folder, regular, unused
from eigenlm.training.snapshot_files import (
    load_model_and_optimizer_,
    load_state,
    model_and_optimizer_tensors,
    save_state,
    saved_tensors,
)
from eigenlm.training.training import Position, Training

VERSION = 1
_NAME = re.compile(r"step-\d{8,}-batch-\d{8,}-\d{4,}(-stopped)?")
_STOPPED = "-stopped"  # ends the name of a snapshot that a run has only because it was stopped there


def save_snapshot(folder: Path, training: Training, beside: dict[str, Any], *, stopped: bool = False) -> Path:
    """Write where a run stands; every rank calls it.

    The folder holds safetensors, `state.json` and, written last, `manifest.json` with the size and SHA-256 of each
    file. It is made under a hidden name and takes its own when all of it is on the disk: a folder that can be seen is
    whole, unless the disk itself has lost something, which the checksums tell.

    Args:
        folder: of the run's snapshots.
        training: what is written.
        beside: more plain JSON, kept in `state.json`.
        stopped: whether the run stops here, at a place where it would not have saved by itself.

    Returns:
        The snapshot's folder.

    Raises:
        DataError: the disk is full, or the place cannot be written; nothing is left behind.
    """
    ranks, target = training.ranks, folder / snapshot_name(training.position)
    if ranks.broadcast(target.exists()):
        return target
    if stopped:
        target = target.with_name(target.name + _STOPPED)
        if ranks.is_first:
            _remove(target)
    state = {"version": VERSION, **training.numbers(), **beside}
    with published_folder(target, is_first=ranks.is_first, share=ranks.broadcast) as place:
        tensors = {**model_and_optimizer_tensors(training.model, training.optimizer), **training.tensors()}
        save_state(place, tensors, ranks)
        ranks.barrier()
        if ranks.is_first:
            (place / "state.json").write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
            sums = {file.name: _sum(file) for file in _files(place)}
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
    room, saved = training.empty_tensors(Position(**state["position"])), saved_tensors(path)
    # Not every parameter need have had a gradient.
    tensors = {name: tensor for name, tensor in room.items() if name in saved}
    load_state(path, tensors, training.ranks)
    training.load(tensors, state)
    return state


def snapshots(folder: Path) -> list[Path]:
    """Of a run, the oldest first; whether they are whole is for `check_snapshot` to say."""
    return sorted(path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)) if folder.is_dir() else []


def regular_snapshots(folder: Path) -> list[Path]:
    """Those that the run would also have if it had never been stopped, the oldest first."""
    return [path for path in snapshots(folder) if not path.name.endswith(_STOPPED)]


def latest_snapshot(folder: Path, run: str | None = None) -> Path | None:
    """The newest of a run that is whole; others are told of on standard error and set aside as `damaged-...`.

    Were they left, they would be taken for the newest, and the whole ones before them pruned.

    Raises:
        CheckpointError: there are some, and none is whole; they stay as they are.
    """
    return _newest_whole(folder, snapshots(folder), run)


def snapshot_before(folder: Path, batch: int, run: str | None = None) -> Path | None:
    """The newest whole regular one that has not seen `batch`, or the oldest of all; otherwise as `latest_snapshot`."""
    regular = regular_snapshots(folder)
    innocent = [path for path in regular if int(path.name.split("-")[3]) <= batch]
    return _newest_whole(folder, innocent or regular[:1], run)


def _newest_whole(folder: Path, candidates: list[Path], run: str | None) -> Path | None:
    damaged: dict[Path, CheckpointError] = {}
    for path in reversed(candidates):
        try:
            check_snapshot(path, run)
        except CheckpointError as error:
            damaged[path] = error
        else:
            for other, why in damaged.items():
                print(f"eigenlm: {why}; going on from an older snapshot", file=sys.stderr)
                other.rename(unused(other.with_name(f"damaged-{other.name}")))
            return path
    if candidates:
        do = "start anew in another folder"
        told = explain(f"reading {folder}", expected="a whole snapshot", got="damaged ones", do=do)
        raise CheckpointError(f"{damaged[candidates[-1]]}; {told}")
    return None


def check_snapshot(path: Path, run: str | None = None) -> None:
    """Hold every file of a snapshot against its checksum.

    Args:
        path: its folder.
        run: what it has to say that it is of; None does not ask, nor is one asked that does not say.

    Raises:
        CheckpointError: a file is missing, cut short or changed, another version wrote it, or it is of another run.
    """
    manifest = read_json_object(path / "manifest.json")
    if "state.json" not in manifest:
        raise CheckpointError(explain(f"reading {path}", expected="a manifest of all files", got=", ".join(manifest)))
    for name, written in manifest.items():
        try:
            is_same = _sum(path / name) == written
        except OSError as error:
            raise CheckpointError(explain(f"reading {path / name}", expected="a file", got=error.strerror)) from error
        if not is_same:
            raise CheckpointError(explain(f"reading {path / name}", expected="what was written", got="other bytes"))
    state = read_json_object(path / "state.json")
    if (version := state.get("version")) != VERSION:
        raise CheckpointError(explain(f"reading {path}", expected=f"version {VERSION}", got=version))
    if run is not None and state.get("run", run) != run:
        raise CheckpointError(explain(f"reading {path}", expected="a snapshot of this run", got="one of another"))


def prune_snapshots(folder: Path, keep_last: int, newest: Path, best: str | None) -> None:
    """Leave the newest `keep_last` regular ones, the one just written and the one named `best`."""
    kept = {*regular_snapshots(folder)[-keep_last:], newest}
    for path in snapshots(folder):
        if path not in kept and path.name != best:
            _remove(path)


def _remove(path: Path) -> None:
    """Make a snapshot vanish in one step, whatever happens meanwhile."""
    if path.exists():
        doomed = unused(path.with_name(f".{path.name}.deleted"))
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(path for path in folder.iterdir() if path.is_file()))


def _sum(file: Path) -> dict[str, Any]:
    with regular(file).open("rb") as content:
        return {"bytes": file.stat().st_size, "sha256": file_digest(content, "sha256").hexdigest()}
