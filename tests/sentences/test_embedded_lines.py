"""A vector for every line: row by row what `embed` gives, whatever is beside a line; empty lines keep their place."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eigenlm.errors import ConfigError, DataError
from eigenlm.sentences import embed_lines
from eigenlm.text.reading import side_by_side

LINES = ["The old bank of the river.", "", "money", "The rate of the loan. " * 9, "  ", "a fish, a boat"]


def embedded(lm, lines, **options):
    return np.stack([lm.embed([line], **options)[0].numpy() if line.strip() else np.zeros(48) for line in lines])


@pytest.mark.parametrize("kind", ["txt", "jsonl", "parquet"])
def test_rows_are_what_embed_gives_of_each_line_alone(lm, tmp_path: Path, kind: str):
    text, out = tmp_path / f"lines.{kind}", tmp_path / "v.npy"
    if kind == "txt":
        text.write_text("\n".join(LINES), encoding="utf-8")
    elif kind == "jsonl":
        text.write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES))
    else:
        pq.write_table(pa.table({"text": LINES}), text)
    found = embed_lines(lm, text, out)
    rows = np.load(out, mmap_mode="r")
    assert isinstance(rows, np.memmap)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, embedded(lm, LINES), rtol=0, atol=1e-5)  # float32 sums in another order
    assert (found.num_texts, found.dim, found.num_cut, found.limit, found.num_empty) == (6, 48, 1, 24, 2)
    assert found.first_empty == (f"{text}:2", f"{text}:5")


def test_a_prompt_is_put_before_each(lm, tmp_path: Path):
    (tmp_path / "lines.txt").write_text("\n".join(LINES), encoding="utf-8")
    found = embed_lines(lm, tmp_path / "lines.txt", tmp_path / "v.npy", prompt="query")
    expected = embedded(lm, LINES, prompt="query")
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), expected, rtol=0, atol=1e-5)  # as above
    assert found.prompt == "query : "
    with pytest.raises(ConfigError, match="expected one of: query, passage, got 'document'"):
        embed_lines(lm, tmp_path / "lines.txt", tmp_path / "w.npy", prompt="document")


def test_more_lines_than_are_in_memory_at_once_keep_their_order(lm, tmp_path: Path):
    lines = [" ".join(["river", "money", "tree"][i % 3 : i % 3 + 1] * (1 + i % 5)) for i in range(5000)]
    assert len(list(side_by_side(lines))) == 2
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    embed_lines(lm, tmp_path / "lines.txt", tmp_path / "v.npy")
    kinds = embedded(lm, lines[:15])
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), kinds[np.arange(5000) % 15], rtol=0, atol=1e-5)  # as above


@pytest.mark.parametrize(("content", "line"), [(b"", "some text"), (b"\n \n", "some text"), (b"\xff", "UTF-8")])
def test_nothing_to_embed_leaves_nothing_behind(lm, tmp_path: Path, content: bytes, line: str):
    (tmp_path / "lines.txt").write_bytes(content)
    with pytest.raises(DataError, match=line):
        embed_lines(lm, tmp_path / "lines.txt", tmp_path / "v.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["lines.txt"]


def test_a_line_that_does_not_fit_is_refused_where_the_files_do_not_say_to_cut(tiny_model, tmp_path: Path):
    import eigenlm

    (tmp_path / "lines.txt").write_text("short\n" + "a longer line of more tokens than the context " * 20)
    with pytest.raises(ValueError, match="128"):
        embed_lines(eigenlm.load(tiny_model, device="cpu"), tmp_path / "lines.txt", tmp_path / "v.npy")
    assert not (tmp_path / "v.npy").exists()
