"""The folder of a run: what is in it, and whose it is."""

import errno
import fcntl
import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.config import differing_fields, from_dict, to_dict
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.files import regular, unused, write_text
from eigenlm.text.shard_manifest import Manifest
from eigenlm.training.precision import choose_precision
from eigenlm.training.recipe import LayoutRecipe, Recipe

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.ENOTDIR, errno.EEXIST)
_NO_FILE = (errno.EISDIR, errno.EINVAL)
# The names under which a run writes and deletes; files of others may end likewise.
_LEFT = re.compile(
    r"\.(model|tokenizer|shards|(recipe|inputs|wandb|mlflow)\.json|log\.jsonl)\.\w+\.partial"
    r"|\.step-[\w-]+\.(\w+\.partial|deleted(-\d+)?)"
)


@contextmanager
def disk_errors_told(folder: Path) -> Iterator[None]:
    """Whatever part of a run meets a disk that takes no more, say it in one line.

    Raises:
        DataError: the folder cannot be written.
        OSError: anything else that the system refuses.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (*_DISK, *_NO_FILE):
            raise
        do = "make room or choose another --out; what is saved is whole, and the same command goes on from it"
        expected, got = "a writable place with room", error.strerror
        raise DataError(explain(f"training in {folder}", expected=expected, got=got, do=do)) from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run's folder, so that no second process trains in it; the lock goes with the process, however it ends.

    Raises:
        ConfigError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with regular(folder / ".lock", or_new=True).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            do = "wait for it, or choose another --out"
            raise ConfigError(
                explain(f"training in {folder}", expected="no other", got="a run at work", do=do)
            ) from None
        yield


def sweep(folder: Path) -> None:
    """Take away what a killed run left half-written or half-deleted; the folder has to be `held`, and a run's own."""
    for place in (folder, folder / "snapshots"):
        for path in (path for path in place.glob(".*") if _LEFT.fullmatch(path.name)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def settle_recipe(recipe: Recipe, folder: Path, device: torch.device) -> Recipe:
    """The recipe that a run goes by: the one in its folder, or this one, with what it left open decided, written there.

    What `auto` decided stays as it is when a run goes on, on whatever machine; layout and curves are those of today.

    Raises:
        ConfigError: the folder is of another recipe; the message names the first field that differs.
    """
    path = folder / "recipe.json"
    if not path.exists():
        precision = choose_precision(recipe.train.precision, device)
        settled = replace(recipe, train=replace(recipe.train, precision=precision))
        _write(path, to_dict(recipe), to_dict(settled))
        return settled
    if differing := _differing(_asked(path), recipe):
        name, (before, now) = next(iter(differing.items()))
        do = "give the same recipe to go on, or another --out to begin anew; train.steps alone may grow"
        expected = f"{name} = {before!r}, as it began"
        raise ConfigError(explain(f"going on in {folder}", expected=expected, got=repr(now), do=do))
    written = read_json_object(path)
    settled = from_dict(Recipe, written.get("settled", {}), f"{path} settled")
    precision = settled.train.precision
    is_asked = settled == replace(asked := _asked(path), train=replace(asked.train, precision=precision))
    digest = _digest(written.get("settled"))
    if not is_asked or written.get("sha256", digest) != digest:
        do = "restore the file, or choose another --out to begin anew"
        raise ConfigError(
            explain(f"going on in {folder}", expected="recipe.json as written", got="an edited one", do=do)
        )
    return replace(settled, layout=recipe.layout, train=replace(settled.train, curves=recipe.train.curves))


def lengthen(recipe: Recipe, folder: Path, device: torch.device) -> None:
    """Let a run go on to more `train.steps` than it had, on the schedule of the new length; a model it has stays aside.

    Raises:
        ConfigError: recipe.json was edited.
    """
    path, steps = folder / "recipe.json", recipe.train.steps
    if not path.exists() or steps <= (before := (asked := _asked(path)).train.steps):
        return
    if _differing(asked, _with_steps(recipe, before)):
        return
    settle_recipe(asked, folder, device)
    told = f"eigenlm: {folder} goes on to {steps:,} steps instead of {before:,}, by the learning rates of {steps:,}"
    if (model := folder / "model").exists():
        aside = unused(folder / f"model-{before}-steps")
        model.rename(aside)
        told += f"; the model so far is {aside}"
    written = read_json_object(path)
    for name in ("asked", "settled"):
        written[name]["train"]["steps"] = steps
    _write(path, written["asked"], written["settled"])
    print(told, file=sys.stderr)


def _with_steps(recipe: Recipe, steps: int) -> Recipe:
    return replace(recipe, train=replace(recipe.train, steps=steps))


def run_identity(folder: Path, shards: Manifest) -> str:
    """What a run's snapshots say that they are of: its recipe (steps, layout and curves aside), shards and start."""
    settled = read_json_object(folder / "recipe.json")["settled"]
    train = {name: value for name, value in settled["train"].items() if name not in ("steps", "curves")}
    parts: list[Any] = [{**settled, "train": train, "layout": None}, to_dict(shards)]
    if settled.get("start") is not None:
        start = read_json_object(folder / "inputs.json").get("start") or {}
        parts.append([file["sha256"] for file in start.values() if "sha256" in file])
    return _digest(parts)


def _write(path: Path, asked: dict[str, Any], settled: dict[str, Any]) -> None:
    told = {"asked": asked, "settled": settled, "sha256": _digest(settled)}
    write_text(path, json.dumps(told, indent=1) + "\n")


def _digest(values: Any) -> str:
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _asked(path: Path) -> Recipe:
    return from_dict(Recipe, read_json_object(path).get("asked", {}), f"{path} asked")


def _differing(before: Recipe, now: Recipe) -> dict[str, tuple[object, object]]:
    """Fields that make another run: no layout, no place of curves, no optimizer's own setting, given or left open."""
    both = (
        replace(r, optimizer=r.optimizer.settled(), layout=LayoutRecipe(), train=replace(r.train, curves=()))
        for r in (before, now)
    )
    return differing_fields(*both)


def forget_other_recipe(recipe: Recipe, folder: Path) -> None:
    """Let a folder in which nothing was learned yet, because the text could not be read, say, take another recipe."""
    path = folder / "recipe.json"
    if path.exists() and not learned(folder) and _differing(_asked(path), recipe):
        path.unlink()
        (folder / "inputs.json").unlink(missing_ok=True)
        for made in ("tokenizer", "shards"):
            shutil.rmtree(folder / made, ignore_errors=True)


def learned(folder: Path) -> bool:
    """Whether anything was learned in a folder: a snapshot or a model is there."""
    return any((folder / "snapshots").glob("step-*")) or (folder / "model").exists()
