"""Output that appears whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eigenlm.errors import DataError, explain


@contextmanager
def whole_file(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it takes the name `target` only when the block ends well.

    Raises:
        DataError: the place cannot be written or the disk is full; `target` is then as it was.
    """
    target = Path(target)
    with _told_plainly(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _sync(temporary)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
            _sync(target.parent)
        finally:
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
    if is_first and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(
            explain(f"writing {target}", expected="a new or empty folder", got="one in use", do="choose another")
        )
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
        raise DataError(
            explain(
                f"writing {target}",
                expected="a writable place with room",
                got=error.strerror or str(error),
                do="nothing was left behind",
            )
        ) from error
