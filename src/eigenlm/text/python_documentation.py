"""The text that is always there: the documentation that Python carries inside itself."""

import ast
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SHORTEST = 200  # characters of a module's documentation that are worth a document


@dataclass(frozen=True)
class Document:
    """A text with its name."""

    name: str
    text: str


@cache
def python_documentation() -> tuple[Document, ...]:
    """The topics of Python's `help()` and the docstrings of its standard library's single-file modules.

    One document a topic or module, above 1 MB in all. Modules are parsed, not imported. The order is fixed; the text
    is that of the running Python, so it differs from version to version.
    """
    return (*_topics(), *_modules())


def _topics() -> Iterator[Document]:
    from pydoc_data.topics import topics  # here, because importing it reads all its text

    for name in sorted(topics):
        yield Document(f"topic {name}", topics[name])


def _modules() -> Iterator[Document]:
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = "\n\n".join(_docstrings(ast.parse(file.read_bytes())))
        if len(text) >= _SHORTEST:
            yield Document(f"module {file.stem}", text)


def _docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    if text := ast.get_docstring(node):
        yield text
    for part in node.body:
        if isinstance(part, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _docstrings(part)
