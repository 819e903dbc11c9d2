"""Shards hold the documents' tokens, and nothing that is not whole is taken for whole."""

import errno
import json
import resource
from pathlib import Path

import numpy as np
import pytest
import torch

from eigenlm.errors import ConfigError, DataError
from eigenlm.text.corpus import read_documents
from eigenlm.text.shards import open_shards, write_shards
from eigenlm.text.split import assigned_documents
from eigenlm.text.tokenizer_training import train_tokenizer

from .conftest import CORPUS

DOCUMENTS = [f"{text} {i}" for i in range(12) for text in CORPUS]


@pytest.fixture
def folder(tmp_path, bpe) -> Path:
    write_shards(DOCUMENTS, bpe, tmp_path / "shards", validation=0.2, shard_tokens=100)
    return tmp_path / "shards"


def naive(documents, tokenizer, fraction, apart, seed=0):
    """The tokens of one side, document by document."""
    chosen = [text for text, side in assigned_documents(documents, fraction, seed) if side == apart]
    return chosen, [[*tokenizer.encode(text), tokenizer.eos] for text in chosen]


@pytest.mark.parametrize("shard_tokens", [19, 100, 2**26])
def test_a_stream_is_the_documents_tokens_with_the_end_token_after_each(tmp_path, bpe, shard_tokens):
    shards = write_shards(
        iter(DOCUMENTS), bpe, tmp_path / "new" / "shards", validation=0.2, seed=3, shard_tokens=shard_tokens
    )
    for stream, apart in ((shards.train, False), (shards.validation, True)):
        texts, rows = naive(DOCUMENTS, bpe, 0.2, apart, seed=3)
        tokens = [i for row in rows for i in row]
        of_token = [d for d, row in enumerate(rows) for _ in row]
        assert stream.num_tokens == len(tokens)
        assert stream.num_documents == len(texts)
        assert stream.num_bytes == sum(len(text.encode()) for text in texts)
        assert stream.document_offsets.tolist() == [0, *np.cumsum([len(row) for row in rows])]
        assert all(file.num_tokens <= shard_tokens for file in stream.files)
        for start, count in ((0, len(tokens)), (0, 0), (5, 1), (len(tokens) - 9, 9), (11, 23), (len(tokens), 0)):
            assert stream.read(start, count).tolist() == tokens[start : start + count]
            assert stream.documents_at(start, count).tolist() == of_token[start : start + count]
        assert stream.read(0, 3).dtype == stream.documents_at(0, 3).dtype == torch.int64


def test_the_same_documents_give_the_same_files(tmp_path, bpe):
    for name in ("a", "b"):
        write_shards(DOCUMENTS, bpe, tmp_path / name, validation=0.2, shard_tokens=100)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {"manifest.json", "train-00000.bin", "train-offsets.bin", "validation-offsets.bin"} < set(files)
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_the_manifest_says_how_it_was_made(folder, bpe):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["tokenizer"] == bpe.fingerprint
    assert manifest["dtype"] == "uint16"
    assert (manifest["vocab_size"], manifest["seed"], manifest["fraction"]) == (bpe.vocab_size, 0, 0.2)
    shards = open_shards(folder, bpe)
    assert shards.manifest.train.shards[0].count == 100
    assert np.fromfile(folder / "train-00000.bin", "<u2").tolist() == shards.train.read(0, 100).tolist()


def test_a_large_vocabulary_takes_four_bytes(tmp_path):
    # 70,000 characters of the planes beyond the first, as many tokens.
    text = "".join(map(chr, range(0x10000, 0x10000 + 70_000)))
    tokenizer = train_tokenizer("character", [text], 80_000)
    shards = write_shards([text, "\U00010000" * 50], tokenizer, tmp_path / "shards", validation=0.5)
    assert shards.manifest.dtype == "uint32"
    tokens = shards.train.read(0, shards.train.num_tokens), shards.validation.read(0, shards.validation.num_tokens)
    assert {text, "\U00010000" * 50} == {tokenizer.decode(part.tolist()) for part in tokens}


def test_a_lone_book_keeps_its_end_apart(tmp_path, bpe):
    book = "".join(f"{text}\n" for text in DOCUMENTS)
    shards = write_shards([book], bpe, tmp_path / "shards", validation=0.1)
    sides = (shards.train, shards.validation)
    assert "".join(bpe.decode(side.read(0, side.num_tokens).tolist()) for side in sides) == book
    assert [side.num_documents for side in sides] == [1, 1]
    assert 0.1 * len(book) <= len(bpe.decode(sides[1].read(0, sides[1].num_tokens).tolist())) <= 0.2 * len(book)


def test_a_blank_line_stands_between_where_there_is_no_end_token(tmp_path):
    tokenizer = train_tokenizer("bpe", CORPUS, 300, ())
    stream = write_shards(DOCUMENTS, tokenizer, tmp_path / "shards", validation=0.2).train
    texts = [text for text, apart in assigned_documents(DOCUMENTS, 0.2) if not apart]
    assert tokenizer.decode(stream.read(0, stream.num_tokens).tolist()) == "".join(f"{text}\n\n" for text in texts)


def test_a_document_cannot_spell_the_end_token(tmp_path, bpe):
    documents = [f"{text}<|endoftext|>more" for text in DOCUMENTS]
    shards = write_shards(documents, bpe, tmp_path / "shards", validation=0.2)
    for stream in (shards.train, shards.validation):
        assert int((stream.read(0, stream.num_tokens) == bpe.eos).sum()) == stream.num_documents


def test_another_tokenizer_is_refused(folder, bpe):
    other = train_tokenizer("bpe", CORPUS, 399, ("<|endoftext|>",))
    with pytest.raises(DataError, match="expected the tokenizer"):
        open_shards(folder, other)


def flip(path: Path, at: int = 10) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: flip(f / "train-00001.bin"), "the checksum it was written with"),
        (lambda f: flip(f / "validation-offsets.bin"), "the checksum it was written with"),
        (lambda f: (f / "train-00000.bin").write_bytes(b"\0" * 199), "expected 200 bytes, got 199"),
        (lambda f: (f / "train-00000.bin").unlink(), "expected a file train-00000.bin, got none"),
        (lambda f: (f / "train-offsets.bin").unlink(), "expected a file train-offsets.bin, got none"),
        (lambda f: edit(f, vocab_size=50), "expected tokens from 0 to 49"),
        (lambda f: edit(f, version=2), "a manifest of version 1, got version 2"),
        (lambda f: edit(f, dtype="uint8"), "a whole manifest"),
        (lambda f: edit(f, colour="red"), "a whole manifest"),
        (lambda f: edit(f, train={"num_bytes": 1}), "a whole manifest"),
        (lambda f: (f / "manifest.json").write_text("{"), "a whole manifest"),
        (lambda f: (f / "manifest.json").write_text("[]"), "a manifest of version 1, got version None"),
        (lambda f: (f / "manifest.json").write_bytes(b"\xff"), "a whole manifest"),
        (lambda f: (f / "manifest.json").unlink(), "expected a manifest, got No such file"),
    ],
)
def test_damage_is_one_clear_line(folder, bpe, damage, message):
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        open_shards(folder, bpe)
    assert "\n" not in str(caught.value)


def test_names_that_leave_the_folder_are_refused(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["train"]["shards"][0]["name"] = "../train-00000.bin"
    edit(folder, train=manifest["train"])
    with pytest.raises(DataError, match="files of the folder"):
        open_shards(folder)


def test_offsets_of_another_corpus_are_seen_without_checksums(folder):
    offsets = np.fromfile(folder / "train-offsets.bin", "<i8")
    offsets[-1] += 1
    offsets.tofile(folder / "train-offsets.bin")
    with pytest.raises(DataError, match="document offsets over all tokens"):
        open_shards(folder, verify=False)


def test_a_file_cut_short_while_it_is_open(folder):
    stream = open_shards(folder).train
    (folder / "train-00001.bin").write_bytes(b"\0" * 20)
    with pytest.raises(DataError, match="the file is cut short"):
        stream.read(95, 50)
    (folder / "train-00001.bin").unlink()
    with pytest.raises(DataError, match="a token file, got No such file"):
        stream.read(95, 50)


def test_reads_outside_the_stream(folder):
    stream = open_shards(folder).train
    for start, count in ((-1, 2), (0, stream.num_tokens + 1), (stream.num_tokens, 1), (3, -1)):
        with pytest.raises(DataError, match="a stretch of the stream"):
            stream.read(start, count)
        with pytest.raises(DataError, match="a stretch of the stream"):
            stream.documents_at(start, count)


@pytest.mark.parametrize(
    ("documents", "message"),
    [([], "expected some text, got none"), (["a"], "at least 2 characters"), (["\ud800", "b"], "a lone surrogate")],
)
def test_too_little_text_leaves_nothing_behind(tmp_path, bpe, documents, message):
    with pytest.raises(DataError, match=message):
        write_shards(documents, bpe, tmp_path / "shards", validation=0.1)
    assert not list(tmp_path.iterdir())


def test_an_empty_document_is_too_little_to_learn_from(tmp_path, bpe):
    with pytest.raises(DataError, match="at least 2 tokens for"):
        write_shards(["", "text"], bpe, tmp_path / "shards", validation=0.5)


def test_a_corpus_that_breaks_off_leaves_nothing_behind(tmp_path, bpe):
    bad = tmp_path / "bad.jsonl"
    bad.write_text("".join(json.dumps({"text": text}) + "\n" for text in DOCUMENTS) + "{")
    with pytest.raises(DataError, match="line 49: expected JSON"):
        write_shards(read_documents(bad), bpe, tmp_path / "shards", validation=0.1)
    assert list(tmp_path.iterdir()) == [bad]


def test_a_folder_in_use(folder, bpe):
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(DataError, match="a new or empty folder"):
        write_shards(DOCUMENTS, bpe, folder, validation=0.1)
    assert (folder / "manifest.json").read_bytes() == before


def test_a_full_disk_leaves_nothing_behind(tmp_path, bpe):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # the system itself refuses to let a file grow further
    try:
        with pytest.raises(DataError, match="a writable place with room") as caught:
            write_shards(DOCUMENTS, bpe, tmp_path / "shards", validation=0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EFBIG
    assert not list(tmp_path.iterdir())


def test_a_tokenizer_that_leaves_its_vocabulary(tmp_path, bpe):
    broken = train_tokenizer("bpe", CORPUS, 400, ("<|endoftext|>",))
    broken.vocab_size = 300
    with pytest.raises(DataError, match="expected tokens from 0 to 299"):
        write_shards(DOCUMENTS, broken, tmp_path / "shards", validation=0.1)


def test_shards_that_cannot_be(tmp_path, bpe):
    with pytest.raises(ConfigError, match="shard_tokens of at least 1"):
        write_shards(DOCUMENTS, bpe, tmp_path / "shards", validation=0.1, shard_tokens=0)
    with pytest.raises(ConfigError, match="a fraction between 0 and 1"):
        write_shards(DOCUMENTS, bpe, tmp_path / "shards", validation=0.0)
    assert not list(tmp_path.iterdir())
