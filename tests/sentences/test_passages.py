"""Passages: no word lost or moved, no passage too long, lines as they are numbered in the file."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenlm.sentences.passages import passages


def words(texts) -> list[int]:
    """Tokens of a simple kind: words, and four letters of a long one."""
    return [sum(-(-len(word) // 4) for word in text.split()) for text in texts]


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


LINE = st.text(st.sampled_from("ab .?\u3002"), max_size=60)


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(LINE, max_size=20), most=st.integers(1, 12))
def test_every_letter_is_in_one_passage_in_order(tmp_path_factory, lines, most):
    file = write(tmp_path_factory.mktemp("p"), "text.py", "\n".join(lines))
    found = list(passages(file, words, most))
    assert "".join("".join(one.text.split()) for one in found) == "".join("".join(lines).split())
    assert all(words([one.text])[0] <= most for one in found)
    for one in found:
        assert one.text[0] in lines[one.first - 1]
        held = "".join("".join(lines[one.first - 1 : one.last]).split())
        assert "".join(one.text.split()) in held


def test_whole_paragraphs_are_packed_and_long_ones_cut_between_lines(tmp_path):
    text = "one two\nthree\n\nfour five six\n\n\nseven\neight nine ten eins zwei drei\nvier\n"
    found = [(one.first, one.last, one.text) for one in passages(write(tmp_path, "t", text), words, 9)]
    assert found == [
        (1, 4, "one two\nthree\n\nfour five six"),
        (7, 8, "seven\neight nine ten eins zwei drei"),
        (9, 9, "vier"),
    ]


def test_a_long_line_is_cut_after_sentences(tmp_path):
    text = "A first one of five. " * 3 + "And then another that ends here."
    found = [one.text for one in passages(write(tmp_path, "t.md", text), words, 12)]
    assert all(one.endswith(".") for one in found)
    assert {one.first for one in passages(tmp_path / "t.md", words, 12)} == {1}


def test_rows_are_texts_of_their_own(tmp_path):
    rows = ["one", "two\n\nthree", "", "four " * 9]
    file = write(tmp_path, "t.jsonl", "".join(json.dumps({"text": row}) + "\n" for row in rows))
    found = [(one.first, one.text) for one in passages(file, words, 5)]
    last = ["four four four four", "four four four four four"]
    assert found == [(1, "one"), (2, "two\n\nthree"), *((4, text) for text in last)]


@pytest.mark.parametrize("text", ["", "\n\n \n", "\ufeff"])
def test_no_text_is_no_passage(tmp_path, text):
    assert list(passages(write(tmp_path, "t.txt", text), words, 5)) == []
