"""Which files a text is in, told without reading one."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from eigenlm.errors import DataError, explain

FORMATS = (".txt", ".md", ".jsonl", ".parquet", ".txt.gz", ".jsonl.gz")
_HUB_NAME = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?::([\w.-]+))?")


def check_text(name: str | Path) -> None:
    """Refuse what names no text: neither files that are read nor, with the package for it, a data set of the Hub.

    Raises:
        DataError: nothing there, nothing of a format that is read, or no package `datasets`.
    """
    if not is_hub_name(str(name)):
        text_files(Path(name))
    elif sys.modules.get("datasets") is None and find_spec("datasets") is None:
        expected = "a file, a folder, or the package that reads the Hub's data sets"
        do = "check the path, or run: pip install datasets"
        raise DataError(explain(f"reading {name}", expected=expected, got="none of these", do=do))


def is_hub_name(name: str) -> bool:
    """Whether a name is that of a data set on the Hub, `owner/name` or `owner/name:config`, and of nothing here."""
    return bool(_HUB_NAME.fullmatch(name)) and not Path(name).exists() and not _is_read(name)


def text_files(path: Path) -> list[Path]:
    """The files that a file or a folder of text comes to, in the order in which they are read.

    Raises:
        DataError: nothing there, or nothing of a format that is read.
    """
    if not path.exists():
        raise DataError(explain(f"reading {path}", expected="a file or folder", got="nothing there"))
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and _is_read(file.name))
        if not found:
            raise DataError(explain(f"reading {path}", expected=f"files that end in {', '.join(FORMATS)}", got="none"))
        return found
    if not _is_read(path.name):
        raise DataError(explain(f"reading {path}", expected=f"a name that ends in {', '.join(FORMATS)}", got=path.name))
    return [path]


def _is_read(name: str) -> bool:
    return name.lower().endswith(FORMATS)
