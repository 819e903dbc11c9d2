"""What a folder of token shards says about itself, and whether that is so."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from eigenlm.config import from_dict, to_dict
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.files import read_json, regular
from eigenlm.progress import track

NAME = "manifest.json"
VERSION = 1
_BLOCK = 1 << 22  # bytes hashed at a time
_AGAIN = "write the shards again"


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file of the folder.

    Attributes:
        name: in the folder.
        count: numbers in it.
        sha256: of its bytes, in hexadecimal.
    """

    name: str
    count: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class StreamEntry:
    """One side of the split.

    Attributes:
        shards: its files of tokens, in order.
        offsets: its file of 64-bit numbers: where each document begins, then the number of tokens.
        num_bytes: of its text in UTF-8.
    """

    shards: tuple[FileEntry, ...]
    offsets: FileEntry
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A corpus as tokens.

    Attributes:
        version: of this layout.
        tokenizer: the fingerprint of the tokenizer.
        vocab_size: its number of tokens; all tokens are below it.
        dtype: of the numbers in the token files, little-endian.
        seed: of the split.
        fraction: of the text that is kept apart for validation.
        train: what is learned from.
        validation: what is kept apart.
    """

    version: int = VERSION
    tokenizer: str
    vocab_size: int
    dtype: Literal["uint16", "uint32"]
    seed: int
    fraction: float
    train: StreamEntry
    validation: StreamEntry


def dtype_for(vocab_size: int) -> Literal["uint16", "uint32"]:
    """The smaller type that holds every token of a vocabulary."""
    return "uint16" if vocab_size <= 1 << 16 else "uint32"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`."""
    (folder / NAME).write_text(json.dumps(to_dict(manifest), indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read `manifest.json`.

    Raises:
        DataError: there is none, it is damaged, or a newer eigenlm wrote it.
    """
    path = folder / NAME
    try:
        values = read_json(path)
    except OSError as error:
        do = "write the shards first"
        raise DataError(explain(f"reading {path}", expected="a manifest", got=error.strerror, do=do)) from error
    except ValueError as error:
        raise DataError(explain(f"reading {path}", expected="a whole manifest", got=error, do=_AGAIN)) from error
    version = values.get("version") if isinstance(values, dict) else None
    if version != VERSION:
        expected = f"a manifest of version {VERSION}"
        raise DataError(explain(f"reading {path}", expected=expected, got=f"version {version}", do=_AGAIN))
    try:
        manifest = from_dict(Manifest, values, str(path))
    except ConfigError as error:
        raise DataError(explain(f"reading {path}", expected="a whole manifest", got=error, do=_AGAIN)) from error
    _check_entries(path, manifest)
    return manifest


def check_files(folder: Path, manifest: Manifest, *, verify: bool) -> None:
    """See that every file has the size that the manifest says and, with `verify`, its checksum and known tokens.

    Raises:
        DataError: a file is missing, cut short, changed, or holds a token outside the vocabulary.
    """
    width = np.dtype(manifest.dtype).itemsize
    streams = (manifest.train, manifest.validation)
    shards = [entry for stream in streams for entry in stream.shards]
    sizes = [(entry, width) for entry in shards] + [(stream.offsets, 8) for stream in streams]
    for entry, itemsize in sizes:
        path = folder / entry.name
        if not path.is_file():
            raise DataError(explain(f"opening {folder}", expected=f"a file {entry.name}", got="none there"))
        if path.stat().st_size != entry.count * itemsize:
            expected, got = f"{entry.count * itemsize} bytes", path.stat().st_size
            raise DataError(explain(f"opening {path}", expected=expected, got=got, do=_AGAIN))
    if not verify:
        return
    for entry, _ in track(sizes, "checking shards"):
        _check_content(folder / entry.name, entry, manifest if entry in shards else None)


def _check_content(path: Path, entry: FileEntry, tokens_of: Manifest | None) -> None:
    digest = hashlib.sha256()
    largest = -1
    for block in _blocks(path):
        digest.update(block)
        if tokens_of is not None:
            largest = max(largest, int(np.frombuffer(block, np.dtype(tokens_of.dtype).newbyteorder("<")).max()))
    if digest.hexdigest() != entry.sha256:
        expected = "the checksum it was written with"
        raise DataError(explain(f"opening {path}", expected=expected, got="another", do=_AGAIN))
    if tokens_of is not None and largest >= tokens_of.vocab_size:
        expected = f"tokens from 0 to {tokens_of.vocab_size - 1}"
        raise DataError(explain(f"opening {path}", expected=expected, got=largest))


def _blocks(path: Path) -> Iterator[bytes]:
    with regular(path).open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _check_entries(path: Path, manifest: Manifest) -> None:
    for stream in (manifest.train, manifest.validation):
        for entry in (*stream.shards, stream.offsets):
            if entry.count < 1 or Path(entry.name).name != entry.name:
                got = f"{entry.name!r} with {entry.count} numbers"
                raise DataError(explain(f"reading {path}", expected="files of the folder, none empty", got=got))
