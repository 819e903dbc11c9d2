"""What commands print: one JSON object for programs, tables for people."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from eigenlm.terminal import Terminal


def print_json(value: Any) -> None:
    """One line of JSON on standard output; dataclasses become objects, numbers that JSON lacks become null."""
    print(json.dumps(_plain(value), allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]], *, to_error: bool = False) -> None:
    """A table whose first column is words and whose others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, padding=(0, 2))
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Terminal(stderr=to_error).print(table)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
