"""Tables at every width: what is shown is whole, what is not is named once."""

import io
import re

import pytest
from rich.console import Console

from eigenlm.plain_table import PlainTable, left_out, print_tables, some

ROWS = [
    ("embedding (also the head)", "28,311,552", "30.1 MB", "21.0%", "Q8_0, Q4_1, F32", "1"),
    ("encoder.layer.*.intermediate.dense", "7,089,408", "591.4 kB", "-", "F32", "24"),
    ("[bold]odd[/]", "1", "4 B", "0.0%", "a word, and another, and many more words that will not fit", "1"),
]
COLUMNS = ("part", "parameters", "bytes", "share of all", "stored as", "tensors")


def table() -> PlainTable:
    made = PlainTable("Where the numbers sit", COLUMNS, words={"stored as"})
    for row in ROWS:
        made.add_row(*row)
    return made


def printed(width: int, *tables: PlainTable, more: str = "--json") -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    print_tables(console, tables, more)
    return console.export_text()


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40])
def test_no_number_and_no_word_is_broken(width: int) -> None:
    text = printed(width, table())
    assert max(map(len, text.splitlines())) <= width
    given = {piece for row in [COLUMNS, *ROWS] for cell in row for piece in re.findall(r"[^\s.]+", cell)}
    body = text.partition("left out")[0].rpartition("\n")[0] if "left out" in text else text
    assert set(re.findall(r"[^\s.]+", body)) <= given | {"Where", "the", "numbers", "sit"}
    assert all(row[1] in text for row in ROWS)


def test_columns_go_from_the_right_and_are_named_once() -> None:
    assert "left out" not in printed(120, table())
    (line,) = [line for line in printed(80, table(), table()).splitlines() if "left out" in line]
    assert line.startswith("4 columns left out (stored as, tensors): a wider terminal or --json")
    assert (
        left_out([table()], 54) == "3 columns left out (share of all, stored as, tensors): a wider terminal shows more."
    )
    shown = [str(column.header) for column in table().fitted(54).columns]
    assert shown == ["part", "parameters", "bytes"]


def test_words_are_broken_between_words_and_names_at_dots() -> None:
    wide = printed(120, table())
    assert "a word, and another, and many" in wide
    assert "encoder.layer.*.intermediate.dense" in wide
    narrow = printed(40, table())
    assert "encoder.layer.*.intermediate.  " in narrow
    assert "\ndense " in narrow


def test_a_column_in_which_nothing_is_known_is_none() -> None:
    made = PlainTable("T", ["name", "unknown", "value"])
    made.add_row("a", "-", "1")
    made.add_row("b", "", "2")
    assert "unknown" not in printed(80, made)
    assert "left out" not in printed(80, made)


def test_notes_stand_below_and_what_a_file_says_is_no_markup() -> None:
    text = printed(80, table().with_notes(["one"]).with_notes(["", "two"]))
    assert text.index("odd") < text.index("\none") < text.index("\ntwo")
    assert "[bold]odd[/]" in text


def test_some_rows_are_spread_over_all() -> None:
    assert some(range(5)) == [0, 1, 2, 3, 4]
    assert len(some(range(100))) == 12
    assert some(range(100))[::11] == [0, 99]
