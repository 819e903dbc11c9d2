"""Files of the user's: read only if they are files, written whole or not at all, replaced only if that was meant."""

import errno
import json
import os
import shutil
import stat
import tempfile
import tomllib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from eigenlm.errors import DataError, EigenError, explain

# Bytes of files that are read whole: of settings and lists, and of vocabularies (the largest known has 40 MB).
SETTINGS, VOCABULARY = 1 << 26, 1 << 28
PLAN = "eigenlm plan"  # what a file of a plan's tensors says of itself, which no model says


def regular(path: str | Path, *, or_new: bool = False, most: int | None = None) -> Path:
    """The path, if what is there can be opened without waiting, and has an end, within `most` bytes.

    Raises:
        OSError: a folder, a pipe, a device or a socket; too large a file; or nothing, unless `or_new`.
    """
    if or_new and not os.path.exists(path):
        return Path(path)
    about = Path(path).stat()
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "a folder, pipe, device or socket, which is no file", str(path))
    if most is not None and about.st_size > most:
        got = f"a file of {decimal(about.st_size)}, of which such files have at most {decimal(most)}"
        raise OSError(errno.EFBIG, got, str(path))
    return Path(path)


def read_json(path: str | Path) -> Any:
    """What a JSON file holds; a whole number beyond 63 bits comes as a float, which no size of a model is.

    Raises:
        OSError: there is no file, or it cannot be read.
        ValueError: no JSON, no UTF-8, or nested too deeply.
    """
    return parse_json(regular(path, most=SETTINGS).read_text(encoding="utf-8"))


def parse_json(text: str) -> Any:
    """What `read_json` makes of a text."""
    try:
        return json.loads(text, parse_int=lambda digits: n if abs(n := int(digits)) < 1 << 63 else float(digits))
    except RecursionError as error:
        raise ValueError("lists in lists, too deep to be read") from error


def read_toml(path: Path, error: type[EigenError], *, expected: str) -> dict[str, Any]:
    """What a TOML file holds.

    Args:
        path: the file.
        error: what is raised.
        expected: said where it is no TOML, such as an example.

    Raises:
        EigenError: as `error`; no file, no TOML, no UTF-8, or nested too deeply.
    """
    try:
        return tomllib.loads(regular(path, most=SETTINGS).read_text(encoding="utf-8"))
    except OSError as fault:
        raise error(explain(f"reading {path}", expected="a file", got=fault.strerror or fault)) from fault
    except RecursionError as fault:
        got = "lists in lists, too deep to be read"
        raise error(explain(f"reading {path}", expected=expected, got=got)) from fault
    except ValueError as fault:
        raise error(explain(f"reading {path}", expected=expected, got=str(fault)[:200])) from fault


def check_output(target: Path, *, inputs: Collection[Path] = (), overwrite: bool = False) -> None:
    """Refuse to write where something stands that is not to be lost.

    Args:
        target: the output, a file or a folder.
        inputs: files and folders that are read for it.
        overwrite: whether a model, or a file in a folder that is read, may be replaced.

    Raises:
        DataError: the target is an input, no regular file, in no folder to write in, or would need `overwrite`.
    """
    if not target.exists():
        _check_writable(next(place for place in target.absolute().parents if place.exists()), target)
        return
    there = [path for path in inputs if os.path.exists(path)]  # unlike Path's own, it takes any string
    if any(path.samefile(target) for path in there):
        raise DataError(_kept(target, "a place that is not read from", "the input itself", "choose another"))
    if target.is_dir():
        _check_writable(target, target)
        return
    check_regular(target)
    _check_writable(target.absolute().parent, target)
    inside = any(path.is_dir() and target.resolve().is_relative_to(path.resolve()) for path in there)
    if not overwrite and (inside or _holds_model(target)):
        got = "a file of the input" if inside else "a model"
        raise DataError(_kept(target, "nothing there that may be wanted", got, "add --overwrite to replace it"))


def check_regular(target: Path) -> None:
    """Refuse a place that a file cannot take.

    Raises:
        DataError: a folder, pipe, device or socket is there.
    """
    if target.exists() and not target.is_file():
        got = "a folder" if target.is_dir() else "a pipe, device or socket"
        raise DataError(_kept(target, "a new or regular file", got, "choose another"))


def tensors_beside(plan: Path) -> Path:
    """Where the tensors of a plan are."""
    return plan.with_suffix(".safetensors")


def check_plan(target: Path) -> None:
    """Refuse the name of its tensors for a plan.

    Raises:
        DataError: it is that.
    """
    if target == tensors_beside(target):
        do = "give it another name, such as plan.json"
        raise DataError(_kept(target, "a name for the plan", "that of its tensors", do))


def check_new(target: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        DataError: it does, or is no folder.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(_kept(target, "a new or empty folder", "one in use", "choose another"))


def _check_writable(folder: Path, target: Path) -> None:
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        got = f"{folder}, " + ("which you may not write in" if folder.is_dir() else "which is no folder")
        raise DataError(_kept(target, "a folder to write in", got, "choose another place"))


def _holds_model(path: Path) -> bool:
    """Whether a file is GGUF or safetensors, the latter not of a plan."""
    with path.open("rb") as file:
        head = file.read(4096)
    return head.startswith(b"GGUF") or (head[8:9] == b"{" and PLAN.encode() not in head)


def _kept(target: Path, expected: str, got: str, do: str) -> str:
    return explain(f"writing {target}", expected=expected, got=got, do=do)


@contextmanager
def whole_file(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it takes the name `target` only when the block ends well.

    Raises:
        DataError: `target` is no regular file, the place cannot be written, or the disk is full; `target` is then as it
            was.
    """
    with whole_files(target) as (temporary,):
        yield temporary


@contextmanager
def whole_files(*targets: str | Path) -> Iterator[list[Path]]:
    """The same for files that belong together: all take their names, one right after the other, or none does."""
    places = [Path(os.path.realpath(target)) for target in targets]  # what a link points to is written, the link stays
    temporaries: list[Path] = []
    with _told_plainly(places[0]):
        try:
            for place in places:
                check_regular(place)
                place.parent.mkdir(parents=True, exist_ok=True)
                handle, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent)
                os.close(handle)
                temporaries.append(Path(name))
            yield temporaries
            for temporary in temporaries:
                _sync(temporary)
                temporary.chmod(0o666 & ~_umask())
            for temporary, place in zip(temporaries, places, strict=True):
                temporary.replace(place)
            _sync(places[0].parent)
        finally:
            for temporary in temporaries:
                temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; it takes the name `target` only when the block ends well.

    Raises:
        DataError: `target` holds files already, the place cannot be written, or the disk is full.
    """
    with published_folder(Path(target), is_first=True, share=lambda name: name) as temporary:
        yield temporary


@contextmanager
def published_folder(target: Path, *, is_first: bool, share: Callable[[Any], Any]) -> Iterator[Path]:
    """The same for several processes that write one folder: all yield the same one, and the first publishes it.

    The block has to end with all of them having written.

    Args:
        target: where it will be.
        is_first: whether this process makes and publishes the folder.
        share: gives every process the value that the first one has.

    Raises:
        DataError: as of `whole_folder`.
    """
    if is_first:
        check_new(target)
    with _told_plainly(target):
        temporary = Path(share(_temporary_folder(target) if is_first else None))
        try:
            yield temporary
            if is_first:
                for path in (*temporary.rglob("*"), temporary):
                    _sync(path)
                temporary.chmod(0o777 & ~_umask())
                temporary.replace(target)
                _sync(target.parent)
        finally:
            if is_first:
                shutil.rmtree(temporary, ignore_errors=True)


def _temporary_folder(target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)


def write_text(target: str | Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with whole_file(target) as path:
        path.write_text(text, encoding="utf-8")


def unused(path: Path) -> Path:
    """The path, or the first of it with a number that is free."""
    names = chain([path], (path.with_name(f"{path.name}-{n}") for n in count(2)))
    return next(name for name in names if not name.exists())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told_plainly(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        got = error.strerror or str(error)
        raise DataError(_kept(target, "a writable place with room", got, "nothing was left behind")) from error
