"""What `eigenlm measure` and `eigenlm apply` print of two models side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eigenlm.cli.options import beginning_of
from eigenlm.cli.output import print_table
from eigenlm.errors import DataError, counted, explain
from eigenlm.terminal import tell

if TYPE_CHECKING:
    from eigenlm.tasks import SideBySide
    from eigenlm.tasks.side_by_side.words import Line

_SHOWN = 40  # letters of a prompt


def read_ahead(texts: Sequence[Path], prompts: Path | None) -> list[str] | None:
    """The prompts of a file, if there is one; where there are none, or a text is empty, no model need be read.

    Raises:
        DataError: nothing to read.
    """
    from eigenlm.text.corpus import read_rows

    for text in texts:
        beginning_of(text)
    if prompts is None:
        return None
    found = [line for line in read_rows(prompts) if line.strip()]
    if not found:
        raise DataError(explain(f"reading {prompts}", expected="a prompt in each line", got="none"))
    return found


def print_side_by_side(found: "SideBySide") -> None:
    """Tables of both models and what lies between them, for people."""
    from eigenlm.tasks.side_by_side.words import of_size_and_speed, of_text

    for name, effect in found.texts.items():
        _print(f"measured on {counted(effect.tokens, 'token')} of {name}", of_text(effect))
    _print("size and speed", of_size_and_speed(found))
    if found.exchanges:
        rows = [(_short(one.prompt), "never" if one.parting is None else f"{one.parting}") for one in found.exchanges]
        print_table("the same prompts", ("prompt", "answers part at token"), rows)
    if not found.texts_given:
        tell("note: no text was given; your own, with --text, tells more")
    elif len(found.texts) == 1:
        tell("note: a second text from elsewhere, after --text, tells more")


def _print(title: str, lines: "Sequence[Line]") -> None:
    print_table(title, ("", "before", "after", "change (95% interval)"), lines)


def _short(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."
