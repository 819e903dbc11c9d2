"""The passages of a folder with their vectors, kept in one SQLite file: no passage of a file is embedded twice."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.progress import track
from eigenlm.sentences.folder_files import why_no_text
from eigenlm.sentences.passages import Passage
from eigenlm.text.corpus import holds_rows

_MARK = 0x6569676C  # "eigl": what SQLite's header says of the program that a file belongs to
_HEADER, _MARKED = b"SQLite format 3\0", 68
_PAGE = 8192  # bytes: five vectors of 384 numbers
_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {_MARK};
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, content TEXT, wrong TEXT);
CREATE TABLE IF NOT EXISTS passages (id INTEGER PRIMARY KEY, content TEXT, first INTEGER, last INTEGER, text TEXT,
  waits INTEGER DEFAULT 1);
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, vector BLOB);
CREATE INDEX IF NOT EXISTS files_by_content ON files (content);
CREATE INDEX IF NOT EXISTS passages_by_content ON passages (content);
CREATE INDEX IF NOT EXISTS passages_that_wait ON passages (waits) WHERE waits = 1;
"""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PATIENCE = 30.0  # seconds that another process may keep the file to itself
_FILES, _EMBEDDED, _COMPARED = 256, 256, 8192  # files, passages and vectors between two looks at the file


class DamagedIndexError(Exception):
    """What the file holds is not what was written into it."""


class PassageIndex:
    """An open index; each change is whole or not there, whatever ends the process.

    A passage belongs to the content of a file, known by its SHA-256, so that a file that is moved, copied or touched is
    not embedded again. Passages are entered without vectors, which come later, some at a time.

    Args:
        path: of the file; a new one is made where nothing is.
        about: what the index is of; one made of anything else is refused.

    Raises:
        DataError: another kind of file, or one that cannot be opened.
        ConfigError: an index of something else.
        DamagedIndexError: it is damaged.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            expected, got = "a folder to write in", error.strerror or str(error)
            raise DataError(explain(f"the index {path}", expected=expected, got=got)) from error
        is_new = not path.exists() or not path.stat().st_size
        with self._told():
            self._file = sqlite3.connect(path, timeout=_PATIENCE)
        with self._told():
            if is_new:
                self._file.execute(f"PRAGMA page_size = {_PAGE}")
                self._file.executescript(_SCHEMA)
                self._file.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", about.items())
                self._file.commit()
            made = dict(self._rows("SELECT key, value FROM about"))
        for key, value in about.items():
            if made.get(key) != value:
                do = "name another file, or delete this one"
                raise ConfigError(explain(f"the index {path}, {key}", expected=value, got=made.get(key), do=do))

    def __enter__(self) -> "PassageIndex":
        return self

    def __exit__(self, *end: object) -> None:
        self._file.close()

    def enter(self, files: Sequence[Path], folder: Path, split: Callable[[Path], Iterable[Passage]]) -> None:
        """Enter the passages of files that are new or have changed, and forget those of files that are gone.

        Args:
            files: all there are now.
            folder: that their names are told from.
            split: a file's passages.
        """
        now = {os.fsencode(os.path.relpath(file, folder)): file for file in files}
        with self._told():
            known = {name: stamp for name, *stamp in self._rows("SELECT path, size, changed FROM files")}
            gone = [(name,) for name in known if name not in now]
            self._file.executemany("DELETE FROM files WHERE path = ?", gone)
            new = [name for name, file in now.items() if known.get(name) != _stamp(file)]
            for number, name in enumerate(track(new, "reading"), start=1):
                self._enter(name, now[name], split)
                if number % _FILES == 0:
                    self._file.commit()
            dead = "SELECT content FROM passages EXCEPT SELECT content FROM files"
            if self._file.execute(f"DELETE FROM passages WHERE content IN ({dead})").rowcount:
                self._file.execute("DELETE FROM vectors WHERE id NOT IN (SELECT id FROM passages)")
            self._file.commit()

    def _enter(self, name: bytes, file: Path, split: Callable[[Path], Iterable[Passage]]) -> None:
        stamp = _stamp(file)  # before it is read: what changes it meanwhile makes it new again
        wrong = why_no_text(file)
        content = None if wrong else _content(file)
        if content and not self._rows("SELECT 1 FROM passages WHERE content = ? LIMIT 1", content):
            rows = ((content, one.first, one.last, one.text) for one in split(file))
            self._file.executemany("INSERT INTO passages (content, first, last, text) VALUES (?, ?, ?, ?)", rows)
        self._file.execute("REPLACE INTO files VALUES (?, ?, ?, ?, ?)", (name, *stamp, content or "", wrong))

    def num_waiting(self) -> int:
        """Passages that have no vector."""
        with self._told():
            ((count,),) = self._rows("SELECT count(*) FROM passages WHERE waits = 1")
        return count

    def waiting(self) -> Iterator[tuple[list[int], list[str]]]:
        """Passages that have no vector, some at a time, by number and text."""
        query = f"SELECT id, text FROM passages WHERE waits = 1 AND id > ? ORDER BY id LIMIT {_EMBEDDED}"
        last = 0
        while True:
            with self._told():
                some = self._rows(query, last)
            if not some:
                return
            yield [number for number, _ in some], [text for _, text in some]
            last = some[-1][0]

    def add(self, numbers: Sequence[int], vectors: Float32[np.ndarray, "n D"]) -> None:
        """Give passages their vectors, of length 1."""
        rows = zip(numbers, (row.tobytes() for row in vectors.astype("<f4")))
        with self._told():
            self._file.executemany("REPLACE INTO vectors VALUES (?, ?)", rows)
            self._file.executemany("UPDATE passages SET waits = 0 WHERE id = ?", [(number,) for number in numbers])
            self._file.commit()

    def nearest(self, query: Float32[np.ndarray, " D"], count: int) -> list[tuple[float, int]]:
        """The largest products of a vector with those of passages, and the passages' numbers, the largest first."""
        best: list[tuple[float, int]] = []
        with self._told():
            found = self._file.execute("SELECT id, vector FROM vectors ORDER BY id")
            while some := found.fetchmany(_COMPARED):
                scores = self._rows_of([vector for _, vector in some], len(query)) @ query
                first = np.argsort(-scores, kind="stable")[:count]
                best += [(float(scores[place]), some[place][0]) for place in first]
                best = sorted(best, key=lambda one: (-one[0], one[1]))[:count]
        return best

    def passage(self, number: int) -> tuple[list[str], Passage]:
        """A passage, and the files that it stands in."""
        with self._told():
            found = self._rows("SELECT content, first, last, text FROM passages WHERE id = ?", number)
            if not found:
                raise DamagedIndexError("a vector of no passage")
            content, *parts = found[0]
            files = self._rows("SELECT path FROM files WHERE content = ? ORDER BY path", content)
        return [os.fsdecode(path) for (path,) in files], Passage(*parts)

    def left_out(self) -> list[tuple[str, str]]:
        """Files that are no text, and why."""
        with self._told():
            found = self._rows("SELECT path, wrong FROM files WHERE wrong IS NOT NULL ORDER BY path")
        return [(os.fsdecode(path), wrong) for path, wrong in found]

    def counts(self) -> tuple[int, int]:
        """How many files are in it, and how many passages."""
        with self._told():
            ((files,),) = self._rows("SELECT count(*) FROM files WHERE wrong IS NULL")
            ((passages,),) = self._rows("SELECT count(*) FROM passages")
        return files, passages

    def _rows_of(self, vectors: list[bytes], width: int) -> Float32[np.ndarray, "n D"]:
        if any(len(vector) != 4 * width for vector in vectors):
            raise DamagedIndexError("a vector of another width")
        X = np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), width)
        squares = np.einsum("ij,ij->i", X, X)
        if not np.all((np.abs(squares - 1) < 1e-3) | ~X.any(axis=1)):  # float32 sums of squares are off by 1e-6
            raise DamagedIndexError("a vector that is not of length 1")
        return X

    def _rows(self, query: str, *values: object) -> list[tuple]:
        return self._file.execute(query, values).fetchall()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of SQLite as ours: damage, which is mended by making the file anew, or what a user has to see to."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code in _DAMAGE:
                raise DamagedIndexError(str(error)) from error
            busy = "another process is at work on it; wait till it is done"
            got = busy if code in _BUSY else str(error)
            expected = "a file to read and write alone"
            raise DataError(explain(f"the index {self._path}", expected=expected, got=got)) from error


def discard(path: Path, *, ours: bool) -> None:
    """Delete a damaged index, if it is one.

    Args:
        path: of the file.
        ours: whether nothing but an index can be there.

    Raises:
        DataError: by its first bytes it is another kind of file.
    """
    with path.open("rb") as file:
        head = file.read(_MARKED + 4)
    if not ours and not (head.startswith(_HEADER) and head[_MARKED:] == _MARK.to_bytes(4, "big")):
        do = "name another file, or delete this one"
        raise DataError(explain(f"the index {path}", expected="an index of eigenlm", got="another kind of file", do=do))
    path.unlink()
    Path(f"{path}-journal").unlink(missing_ok=True)


def _stamp(file: Path) -> list[int]:
    """Size and time of the last change; nothing for a file that is gone."""
    try:
        about = file.stat()
    except OSError:
        return [0, 0]
    return [about.st_size, about.st_mtime_ns]


def _content(file: Path) -> str:
    """What tells the passages of a file from those of any other."""
    with file.open("rb") as raw:
        digest = hashlib.file_digest(raw, "sha256").hexdigest()
    return f"{digest} rows" if holds_rows(file) else digest
