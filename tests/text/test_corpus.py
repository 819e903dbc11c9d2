"""Documents come out of every format as they went in; bad files are one clear line."""

import gzip
import json

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.errors import DataError
from eigenlm.text.corpus import articles, read_documents

TEXTS = ["One document.\n", "Zwei: schön, 日本語 🤖.", "Three\r\nlines\n\nhere"]


def _jsonl(texts):
    return "".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts)).encode()


def _write(path, data):
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.md"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_file_is_one_document(tmp_path, name, text):
    assert list(read_documents(_write(tmp_path / name, text.encode()))) == [text]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_json_lines(tmp_path, name):
    assert list(read_documents(_write(tmp_path / name, _jsonl([*TEXTS, " "])))) == TEXTS


def test_parquet_by_row_groups(tmp_path):
    table = pyarrow.table({"id": [1, 2, 3, 4], "text": [*TEXTS, None]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert list(read_documents(tmp_path / "a.parquet")) == TEXTS


def test_a_folder_in_the_order_of_its_names(tmp_path):
    (tmp_path / "sub").mkdir()
    _write(tmp_path / "b.txt", b"second")
    _write(tmp_path / "a.txt.gz", b"first")
    _write(tmp_path / "sub" / "c.jsonl", _jsonl(["third"]))
    _write(tmp_path / "image.png", b"\x89PNG")
    _write(tmp_path / "empty.txt", b"")
    assert list(read_documents(tmp_path)) == ["first", "second", "third"]


def test_wikitext_is_cut_into_articles():
    text = " \n = One = \n \n text = text \n = = Section = = \n more \n = Two = \n \n end\n"
    first, second = articles(text)
    assert second == " = Two = \n \n end\n"
    assert first + second == text


@given(text=st.text("= \nab", max_size=40))
def test_articles_joined_are_the_text(text):
    assert "".join(articles(text)) == text


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert list(read_documents(_write(tmp_path / "a.txt", b"\xef\xbb\xbfhello"))) == ["hello"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"", "expected some text"),
        ("a.txt", b" \n\t", "expected some text"),
        ("a.txt", b"ab\xff", "byte 2 is not"),
        ("a.jsonl", b"", "expected some text"),
        ("a.jsonl", b'{"text": "a"}\n{', "line 2: expected JSON"),
        ("a.jsonl", b'{"body": "a"}', "line 1: expected a field 'text' with a string, got body"),
        ("a.jsonl", b"[1]", "line 1: expected a field 'text'"),
        ("a.parquet", b"PAR1 not really", "expected a whole file"),
        ("a.csv", b"text\na", "a name that ends in"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path, name, data, message):
    with pytest.raises(DataError, match=message) as caught:
        list(read_documents(_write(tmp_path / name, data)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [1, 8, 40])
def test_a_truncated_archive(tmp_path, cut):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(bytes(range(128)) * 8)[:-cut])
    with pytest.raises(DataError, match="expected a whole file"):
        list(read_documents(tmp_path / "a.txt.gz"))


def test_a_column_is_missing(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"body": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'text' of strings, got body"):
        list(read_documents(tmp_path / "a.parquet"))


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="nothing there"):
        list(read_documents(tmp_path / "absent.txt"))
    with pytest.raises(DataError, match="files that end in"):
        list(read_documents(tmp_path))
