"""Which files a folder holds, and which of them are text."""

import os
from collections.abc import Collection
from pathlib import Path

from eigenlm.errors import DataError
from eigenlm.files import regular
from eigenlm.text.corpus import read_rows

_HEAD = 8192  # bytes that are looked at first
_PACKED = (".gz", ".parquet")


def files_below(folder: Path, *, without: Collection[Path] = ()) -> list[Path]:
    """The files of a folder and of all folders in it, by name; a file is itself.

    Hidden ones are left out, and links to folders, which may lead round in a circle.

    Args:
        folder: where they are.
        without: files that are not wanted.
    """
    if not folder.is_dir():
        return [folder]
    own = {os.path.realpath(path) for path in without}
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in sorted(names) if not name.startswith(".")]
    return [file for file in found if os.path.isfile(file) and os.path.realpath(file) not in own]


def why_no_text(file: Path) -> str | None:
    """What keeps a file from being read as text, in a few words; None for a text, which is read to its end."""
    try:
        with regular(file).open("rb") as raw:
            if not file.name.lower().endswith(_PACKED) and b"\0" in raw.read(_HEAD):
                return "no text"
        return "no text" if any("\0" in row for row in read_rows(file)) else None
    except OSError as error:
        return error.strerror or str(error)
    except DataError as error:
        return str(error).partition(": ")[2]
