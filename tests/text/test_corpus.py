"""Documents come out of every format as they went in; bad files are one clear line."""

import gzip
import json
import sys
import types

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
    assert list(read_documents(_write(tmp_path / name, _jsonl([*TEXTS, " ", None])))) == TEXTS


def test_parquet_by_row_groups(tmp_path):
    table = pyarrow.table({"id": [1, 2, 3, 4], "text": [*TEXTS, None]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert list(read_documents(tmp_path / "a.parquet")) == TEXTS


def test_a_folder_in_the_order_of_its_names(tmp_path):
    (tmp_path / "sub").mkdir()
    _write(tmp_path / "b.TXT", b"second")
    _write(tmp_path / "a.txt.gz", b"first")
    _write(tmp_path / "sub" / "c.JsonL", _jsonl(["third"]))
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
        ("a.jsonl", b'{"text": "a"}\n{"text": "half \\ud83d"}', "a.jsonl, line 2: expected Unicode text, got a lone"),
        ("a.jsonl", b"[" * 100_000, "line 1: expected JSON"),
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


KINDS = [
    pyarrow.string(),
    pyarrow.large_string(),
    pyarrow.string_view(),
    pyarrow.binary(),
    pyarrow.large_binary(),
    pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_strings_of_every_layout(tmp_path, kind):
    texts = [f"document {i % 1500} é" for i in range(3000)]
    column = pyarrow.array([*texts, None]).cast(kind)
    pyarrow.parquet.write_table(pyarrow.table({"text": column}), tmp_path / "a.parquet")
    assert list(read_documents(tmp_path / "a.parquet")) == texts


def test_bytes_that_are_no_text(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"text": [b"ok", b"ab\xff"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="byte 2 is not"):
        list(read_documents(tmp_path / "a.parquet"))


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for the package `datasets`; it keeps what it was asked for and how many rows were taken."""
    rows = [{"id": i, "text": text} for i, text in enumerate([*TEXTS, " ", None])]
    module = types.SimpleNamespace(asked=[], taken=0, rows=rows, error=None)

    def load_dataset(*names, **options):
        module.asked.append((names, options))
        if module.error is not None:
            raise module.error
        for row in module.rows:
            module.taken += 1
            yield row

    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return module


def test_a_data_set_of_the_hub_is_streamed(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    documents = read_documents("owner/some-set")
    assert next(documents) == TEXTS[0]
    assert hub.taken == 1
    assert list(documents) == TEXTS[1:]
    assert list(read_documents("owner/some-set:part.en")) == TEXTS
    streaming = {"split": "train", "streaming": True}
    assert hub.asked == [(("owner/some-set", None), streaming), (("owner/some-set", "part.en"), streaming)]


def test_a_path_goes_before_the_hub(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "set").mkdir(parents=True)
    _write(tmp_path / "owner" / "set" / "a.txt", b"here")
    assert list(read_documents("owner/set")) == ["here"]
    for absent in ("owner/set/b.txt", "owner/b.txt", "absent", str(tmp_path / "absent"), "../absent"):
        with pytest.raises(DataError, match="nothing there"):
            list(read_documents(absent))
    assert hub.asked == []


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([{"content": "a"}], None, "a column 'text' of strings, got content"),
        ([{"text": 5}], None, "a column 'text' of strings, got text"),
        ([], None, "expected some text, got none"),
        ([], ConnectionError("no route\nto host"), "a data set on the Hub, got ConnectionError: no route to host"),
        ([], ValueError("no such config"), "got ValueError: no such config"),
    ],
)
def test_a_data_set_that_cannot_be_read(hub, rows, error, message):
    hub.rows, hub.error = rows, error
    with pytest.raises(DataError, match=message) as caught:
        list(read_documents("owner/set"))
    assert "\n" not in str(caught.value)


def test_the_package_for_the_hub_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match="got none of these; check the path, or run: pip install datasets"):
        list(read_documents("owner/set"))
