"""What commands print: one JSON object for programs, tables for people."""

import dataclasses
import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eigenlm.plain_table import PlainTable, print_tables
from eigenlm.terminal import Terminal, tell

if TYPE_CHECKING:
    from eigenlm.compression.plan import Calibration
    from eigenlm.estimate import Estimate


def print_json(value: Any) -> None:
    """One line of JSON on standard output; dataclasses become objects, numbers that JSON lacks become null."""
    print(json.dumps(_plain(value), allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[str] = ()) -> None:
    """A table of names and figures, the most important columns first.

    Args:
        title: stands above.
        columns: their headings.
        rows: their cells.
        words: the headings of those that hold words.
    """
    table = PlainTable(title, columns, words=words)
    for row in rows:
        table.add_row(*row)
    print_tables(Terminal(), [table])


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Names, and beside each what is said of it."""
    table = PlainTable("", ("", ""), words=("",))
    for fact in facts:
        table.add_row(*fact)
    Terminal().print(table)


def warn_of(calibration: "Calibration") -> None:
    """Say on standard error what a calibration text lacks."""
    if calibration.warning:
        tell(f"eigenlm: {calibration.warning}")


def said_of_format(name: str | None) -> str:
    """What people call a format of model files; nothing of none."""
    return {"gguf": "GGUF", "hugging_face": "Hugging Face"}.get(name or "", name or "")


def said_of_loss(cost: "Estimate", unit: str = "nats a token") -> str:
    """How much the loss rises, with its interval."""
    return f"{cost.value:+.4f} {unit} (95% interval {cost.low:+.4f} to {cost.high:+.4f})"


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
