"""What is wrong with a command is told before anything is loaded; what comes on standard input becomes a file."""

import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eigenlm import allowed
from eigenlm.cli.command import Command
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.model_names import check_model
from eigenlm.recipe_names import find_recipe
from eigenlm.text_files import check_text
from eigenlm.vector_names import check_vectors

OUTPUTS = ("out", "html", "beside")
"""Attributes of commands that are written to; what else names a file or folder is read."""
_MADE = ("index_file",)  # what is read if it is there, and else made
_MODELS = ("model", "others", "before", "after", "of", "adapter", "merge")
STREAM = "-"


@contextmanager
def ready(command: Command) -> Iterator[Command]:
    """The command, if its values are such that it can begin; where it reads `--text -`, with a file of what came.

    Raises:
        EigenError: a value that does not fit, a path where nothing is, or whatever the command's own `check` finds.
    """
    command.check()
    for name, value in _values(command):
        allowed.check(**{name: value})
        _check_there(name, value)
    given = getattr(command, "text", None)
    if STREAM in map(str, given if isinstance(given, tuple) else (given,)):
        with _standard_input() as text:
            read = tuple(text if str(one) == STREAM else one for one in given) if isinstance(given, tuple) else text
            yield dataclasses.replace(command, text=read)  # type: ignore[call-arg]
    else:
        yield command


def refuse_stream(text: str | None, why: str) -> None:
    """Refuse `--text -` where a text is read more than once.

    Raises:
        ConfigError: it is.
    """
    if text == STREAM:
        do = "write the stream to a file and give that"
        raise ConfigError(explain("text", expected=f"a file or folder, {why}", got="standard input", do=do))


def _values(command: Any) -> Iterator[tuple[str, Any]]:
    """Every option by its name, those of groups among them."""
    for name, value in vars(command).items():
        if dataclasses.is_dataclass(value):
            yield from _values(value)
        else:
            yield from ((name, one) for one in (value if isinstance(value, tuple) else (value,)))


def _check_there(name: str, value: Any) -> None:
    if value is None or name in OUTPUTS or name in _MADE or str(value) == STREAM:
        return
    if name in _MODELS:
        check_model(value)
    elif name == "vectors":
        check_vectors(value)
    elif name == "text":
        check_text(value)
    elif name == "recipe":
        find_recipe(value)
    elif isinstance(value, Path) and not value.exists():
        raise DataError(explain(f"reading {value}", expected="a file or folder", got="nothing there"))


@contextmanager
def _standard_input() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eigenlm-") as folder:
        path = Path(folder) / "standard-input.txt"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        if not path.stat().st_size:
            raise DataError(explain("reading standard input", expected="some text", got="none"))
        yield path
