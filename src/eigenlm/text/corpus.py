"""Documents from files (text, JSON lines, Parquet, gzip, and folders of them) and from data sets on the Hub."""

import codecs
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path

import pyarrow
import pyarrow.parquet

from eigenlm.errors import DataError, explain
from eigenlm.files import parse_json, regular
from eigenlm.machine.memory import check_memory
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.unicode import check_unicode
from eigenlm.text_files import check_text, is_hub_name, text_files

# An article of WikiText begins at a line ` = Title = `; its sections have more signs: ` = = Section = = `.
_ARTICLE = re.compile(r"^ = [^=\n].* = *\n", re.MULTILINE)
_ROWS = 1024  # of Parquet, read at once
_PART, _LINE = 1 << 26, 1 << 28  # characters of a text read at once, and of a line of JSON at most
_STRINGS = ("string", "binary")  # the types of a column of texts, however they are laid out


def read_documents(path: str | Path) -> Iterator[str]:
    """The documents of a file, a folder or a data set of the Hub, in order; large files are read piece by piece.

    A text file is one document, or one for each article where it is written like WikiText. A line of JSON is one
    document, its field `text`; so is a row of Parquet, its column `text`. A folder is read recursively, in the order
    of its file names, large or small letters alike at their ends. Documents that are null or white space are left out.

    Where there is no such path, `owner/name` or `owner/name:config` streams the split `train` of a data set of the
    Hub, its column `text`; that needs the package `datasets` and the network.

    Raises:
        DataError: nothing there, an unknown format, no text, a file that is damaged or not UTF-8, no field `text`; no
            package `datasets`, no network, or no such data set.
    """
    name = str(path)
    path = Path(path)
    found = False
    for document in _from_hub(name) if is_hub_name(name) else _from_files(path):
        if document.strip():
            found = True
            yield document
    if not found:
        raise DataError(explain(f"reading {path}", expected="some text", got="none"))


def documents_of(text: Iterable[str] | str | Path | None) -> tuple[str, Iterable[str]]:
    """What a text is called, and its documents: a path or Hub name, documents themselves, or Python's documentation."""
    if text is None:
        return "the documentation inside Python", [document.text for document in python_documentation()]
    if isinstance(text, (str, Path)):
        return str(text), read_documents(text)
    return "documents given in Python", text


def articles(text: str) -> list[str]:
    r"""A text cut at WikiText's title lines, the whole text where there are none; joined they are the text again.

    >>> articles(" = One = \n a \n = Two = \n b \n")
    [' = One = \n a \n', ' = Two = \n b \n']
    """
    starts = [match.start() for match in _ARTICLE.finditer(text)]
    if starts and not text[: starts[0]].strip():
        starts = starts[1:]
    return [text[start:end] for start, end in pairwise([0, *starts, len(text)])]


def chunks(path: Path, size: int) -> Iterator[str]:
    """The text of a file or folder in parts that are the text when joined.

    A text file is read as it is, however many articles are in it, at most `size` characters at once; other documents
    have a blank line between them.

    Raises:
        DataError: as `read_documents`.
    """
    if not (path.is_file() and is_plain_text(path)):
        for i, document in enumerate(read_documents(path)):
            yield from ("\n\n" if i else "", document)
        return
    found = False
    for chunk in _told_plainly(path, lambda: _plain(path, size)):
        found = found or bool(chunk.strip())
        yield chunk
    if not found:
        raise DataError(explain(f"reading {path}", expected="some text", got="none"))


def read_rows(file: Path) -> Iterator[str]:
    """The texts of a file one by one: rows of jsonl and Parquet, and of any other file the lines, without their ends.

    Empty ones are among them, so that the place of a text is its number in the file.

    Raises:
        DataError: as `read_documents`, of a format or of content that cannot be read.
    """
    if holds_rows(file):
        yield from _told_plainly(file, lambda: _documents(file))
    else:
        yield from _told_plainly(file, lambda: _plain_lines(file))


def holds_rows(path: Path) -> bool:
    """Whether a file is one of rows by its name, each a text of its own: jsonl or Parquet."""
    return path.name.lower().removesuffix(".gz").endswith((".jsonl", ".parquet"))


def is_plain_text(path: Path) -> bool:
    """Whether a file is one text by its name, and not lines or rows of them."""
    return path.name.lower().endswith((".txt", ".txt.gz", ".md"))


def _plain(file: Path, size: int) -> Iterator[str]:
    with _opened(file) as text:
        while chunk := text.read(size):
            yield chunk


def _plain_lines(file: Path) -> Iterator[str]:
    with _opened(file) as lines:
        for line in _lines(file, lines):
            yield line.rstrip("\r\n")


def _from_files(path: Path) -> Iterator[str]:
    for file in text_files(path):
        yield from _told_plainly(file, lambda: _documents(file))  # noqa: B023  (read before the next)


def _told_plainly(file: Path, read: Callable[[], Iterator[str]]) -> Iterator[str]:
    try:
        yield from read()
    except UnicodeDecodeError as error:
        place = error.start if file.name.lower().endswith(".parquet") else _bad_byte(file)
        got = f"byte {place} is not"
        raise DataError(explain(f"reading {file}", expected="UTF-8 text", got=got)) from error
    except (OSError, EOFError, zlib.error, pyarrow.ArrowException) as error:
        raise DataError(explain(f"reading {file}", expected="a whole file", got=str(error)[:200])) from error


def _documents(file: Path) -> Iterator[str]:
    name = file.name.lower()
    if name.endswith(".parquet"):
        yield from _parquet(regular(file))
        return
    with _opened(file) as lines:
        if name.removesuffix(".gz").endswith(".jsonl"):
            yield from _json_lines(file, lines)
        else:
            yield from articles(_whole(file, lines))


def _bad_byte(file: Path) -> int:
    """The place of the first byte that is not UTF-8, or the end of a file whose last character is cut."""
    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    with (gzip.open if file.name.lower().endswith(".gz") else open)(file, "rb") as raw:
        while chunk := raw.read(1 << 20):
            begun = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return done - begun + error.start
            done += len(chunk)
    return done


def _opened(file: Path) -> TextIOWrapper:
    open_text: Callable[..., TextIOWrapper] = gzip.open if file.name.lower().endswith(".gz") else open
    return open_text(regular(file), "rt", encoding="utf-8-sig", newline="")


def _whole(file: Path, lines: TextIOWrapper) -> str:
    """A text that is one document; memory is asked for before each further part, of which a small .gz may have many."""
    parts: list[str] = []
    while part := lines.read(_PART):
        parts.append(part)
        if len(part) == _PART:  # all of it once more, when the parts are joined
            _check_room(file, (len(parts) + 2) * _PART)
    return "".join(parts)


def _check_room(file: Path, needed: int) -> None:
    check_memory(needed, None, f"reading {file}", "cut it into several files")


def _lines(file: Path, lines: TextIOWrapper) -> Iterator[str]:
    """Lines that have an end."""
    while line := lines.readline(_LINE):
        if len(line) == _LINE:
            expected = f"lines of less than {_LINE:,} characters"
            raise DataError(explain(f"reading {file}", expected=expected, got="a longer one"))
        yield line


def _json_lines(file: Path, lines: TextIOWrapper) -> Iterator[str]:
    for number, line in enumerate(_lines(file, lines), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise DataError(explain(f"{file}, line {number}", expected="JSON", got=str(error))) from error
        text = row.get("text", 0) if isinstance(row, dict) else 0
        if not isinstance(text, str | None):
            got = ", ".join(row) if isinstance(row, dict) else type(row).__name__
            raise DataError(explain(f"{file}, line {number}", expected="a field 'text' with a string", got=got))
        check_unicode(f"{file}, line {number}", text or "")
        yield text or ""


def _parquet(file: Path) -> Iterator[str]:
    with pyarrow.parquet.ParquetFile(file) as table:
        names = table.schema_arrow.names
        kind = table.schema_arrow.field("text").type if "text" in names else pyarrow.null()
        if str(getattr(kind, "value_type", kind)).removeprefix("large_").removesuffix("_view") not in _STRINGS:
            raise DataError(explain(f"reading {file}", expected="a column 'text' of strings", got=", ".join(names)))
        groups = [table.metadata.row_group(i) for i in range(table.metadata.num_row_groups)]
        _check_room(file, max((group.total_byte_size for group in groups), default=0))
        for rows in table.iter_batches(batch_size=_ROWS, columns=["text"]):
            for text in rows["text"].to_pylist():
                yield text.decode() if isinstance(text, bytes) else text or ""


def _from_hub(name: str) -> Iterator[str]:
    check_text(name)
    import datasets

    owner_and_name, _, config = name.partition(":")
    try:
        for row in datasets.load_dataset(owner_and_name, config or None, split="train", streaming=True):
            text = row.get("text", 0)
            if not isinstance(text, str | None):
                got = ", ".join(row)
                raise DataError(explain(f"reading {name}", expected="a column 'text' of strings", got=got))
            yield text or ""
    except DataError:
        raise
    except Exception as error:  # the library lets through whatever the network and the file formats raise
        do = "check the name and the network, or give a path"
        got = f"{type(error).__name__}: {error}"[:200]
        raise DataError(explain(f"reading {name}", expected="a data set on the Hub", got=got, do=do)) from error
