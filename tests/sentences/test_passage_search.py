"""Search: brute force gives the same passages and scores; only what is new is embedded; damage is mended and told."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import eigenlm
from eigenlm.errors import ConfigError, DataError
from eigenlm.sentences.passages import passages

QUERY = "a boat near the water"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def by_hand(lm, folder: Path, query: str, count: int) -> list[tuple[str, int, float]]:
    """Every passage embedded by itself and compared with the query, in float64."""

    def tokens(texts):
        return [len(row) for row in lm.tokenizer.encode_batch(texts)]

    most = 24 - len(lm.tokenizer.encode("passage : ", add_markers=True))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [(file, passage) for file in files for passage in passages(file, tokens, most)]
    q = lm.embed([query], prompt="query")[0].double().numpy()
    scores = [float(lm.embed([one.text], prompt="passage")[0].double().numpy() @ q) for _, one in found]
    best = sorted(zip(scores, found), key=lambda pair: -pair[0])[:count]
    return [(str(file), one.first, score) for score, (file, one) in best]


def names(answers, folder: Path) -> set[str]:
    return {str(Path(one.file).relative_to(folder)) for one in answers.answers}


def places(answers) -> list[tuple[str, int]]:
    return [(one.file, one.line) for one in answers.answers]


def test_answers_are_those_of_brute_force(lm, folder, index):
    found = eigenlm.search(lm, folder, QUERY, count=4, index=index)
    expected = by_hand(lm, folder, QUERY, 4)
    assert places(found) == [(file, line) for file, line, _ in expected]
    scores = [one.score for one in found.answers]
    np.testing.assert_allclose(scores, [score for *_, score in expected], rtol=0, atol=1e-5)  # float32 sums
    assert found.num_files == 4
    assert found.num_embedded == found.num_passages
    assert len(eigenlm.search(lm, folder, QUERY, count=1000, index=index).answers) == found.num_passages


def test_only_new_content_is_embedded(lm, folder, index):
    first = eigenlm.search(lm, folder, QUERY, index=index)
    again = eigenlm.search(lm, folder, QUERY, index=index)
    assert (again.num_embedded, again.answers) == (0, first.answers)
    os.utime(folder / "river.txt", (1, 1))
    (folder / "deep" / "money.md").rename(folder / "moved.md")
    assert eigenlm.search(lm, folder, QUERY, index=index).num_embedded == 0
    (folder / "river.txt").write_text("A stone.")
    changed = eigenlm.search(lm, folder, "stone", index=index, count=100)
    assert changed.num_embedded == 1
    assert names(changed, folder) == {"moved.md", "river.txt", "rows.jsonl"}
    (folder / "moved.md").unlink()
    left = eigenlm.search(lm, folder, "stone", index=index, count=100)
    assert names(left, folder) == {"river.txt", "rows.jsonl"}
    assert left.num_passages == 3


def test_a_text_that_is_there_twice_is_one_answer(lm, folder, index):
    (folder / "copy.txt").write_bytes((folder / "river.txt").read_bytes())
    found = eigenlm.search(lm, folder, QUERY, index=index, count=100)
    copies = {one.also for one in found.answers if Path(one.file).name == "copy.txt"}
    assert copies == {(str(folder / "river.txt"),)}
    assert "river.txt" not in names(found, folder)


def test_what_is_no_text_is_left_out_and_named(lm, folder, index):
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\0\0")
    (folder / "late.bin").write_bytes(b"a line\n" * 4000 + b"\0")
    (folder / "latin.txt").write_bytes("caf\xe9 au lait".encode("latin-1"))
    (folder / "other.jsonl").write_text('{"body": "no text"}\n')
    (folder / ".hidden.txt").write_text("hidden")
    (folder / "loop").symlink_to(folder)
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    os.mkfifo(folder / "pipe")
    found = eigenlm.search(lm, folder, QUERY, index=index, count=100)
    assert {Path(name).name: why for name, why in found.left_out} == {
        "picture.png": "no text",
        "late.bin": "no text",
        "latin.txt": "expected UTF-8 text, got byte 3 is not",
        "other.jsonl": "expected a field 'text' with a string, got body",
    }
    assert names(found, folder) == {"river.txt", "deep/money.md", "rows.jsonl"}


def test_a_file_is_searched_by_itself(lm, folder, index):
    found = eigenlm.search(lm, folder / "deep" / "money.md", QUERY, index=index, count=100)
    assert names(found, folder) == {"deep/money.md"}
    with pytest.raises(DataError, match="expected a file or folder, got nothing there"):
        eigenlm.search(lm, folder / "none", QUERY, index=index)


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01"])
def test_a_folder_without_text_is_refused(lm, tmp_path, index, content):
    place = tmp_path / "nothing"
    place.mkdir()
    if content is not None:
        (place / "file").write_bytes(content)
    with pytest.raises(DataError, match="expected files of text, got none"):
        eigenlm.search(lm, place, QUERY, index=index)


def test_the_index_may_stand_in_the_folder(lm, folder):
    first = eigenlm.search(lm, folder, QUERY, index=folder / "own.index")
    again = eigenlm.search(lm, folder, QUERY, index=folder / "own.index")
    assert (first.left_out, again.left_out, again.num_embedded) == ((), (), 0)


DAMAGE = {
    "cut short": lambda data: data[: len(data) // 2],
    "garbage inside": lambda data: data[:4096] + os.urandom(len(data) - 4096),
    "a page of zeros": lambda data: data[:8192] + bytes(8192) + data[16384:],
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_index_is_made_anew_and_told(lm, folder, index, capsys, how):
    first = eigenlm.search(lm, folder, QUERY, index=index)
    index.write_bytes(DAMAGE[how](index.read_bytes()))
    again = eigenlm.search(lm, folder, QUERY, index=index)
    assert again.answers == first.answers
    assert again.num_embedded == again.num_passages
    assert f"the index {index} was damaged" in capsys.readouterr().err


@pytest.mark.parametrize("vector", [b"\x00\x00\x80\x7f" * 48, b"\x01" * 192, b"short"])
def test_a_vector_that_cannot_be_one_is_damage(lm, folder, index, capsys, vector):
    first = eigenlm.search(lm, folder, QUERY, index=index)
    with sqlite3.connect(index) as file:
        file.execute("UPDATE vectors SET vector = ? WHERE id = 2", (vector,))
    file.close()
    assert eigenlm.search(lm, folder, QUERY, index=index).answers == first.answers
    assert "was damaged (a vector" in capsys.readouterr().err


def test_nothing_but_an_index_is_ever_deleted(lm, folder, index):
    for content in (b"my notes", b"SQLite format 3\0" + bytes(4080)):
        index.write_bytes(content)
        with pytest.raises(DataError, match="expected an index of eigenlm, got another kind of file"):
            eigenlm.search(lm, folder, QUERY, index=index)
        assert index.read_bytes() == content


def test_an_index_that_cannot_be_made_is_told(lm, folder, tmp_path):
    wanted = {tmp_path: "a file to read and write alone", folder / "river.txt" / "i": "a folder to write in"}
    for place, told in wanted.items():
        with pytest.raises(DataError, match=f"expected {told}"):
            eigenlm.search(lm, folder, QUERY, index=place)


def test_an_index_of_something_else_is_refused(lm, folder, index, tiny_model):
    eigenlm.search(lm, folder, QUERY, index=index)
    with pytest.raises(ConfigError, match=r"the index .*, folder: expected"):
        eigenlm.search(lm, folder / "deep", QUERY, index=index)
    with pytest.raises(ConfigError, match=r"the index .*, model: expected"):
        eigenlm.search(eigenlm.load(tiny_model, device="cpu"), folder, QUERY, index=index)


def test_by_default_there_is_one_in_the_cache_for_each_folder_and_model(lm, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = eigenlm.search(lm, folder, QUERY)
    assert first.index.parent == tmp_path / "cache" / "eigenlm" / "search"
    assert eigenlm.search(lm, folder, QUERY).num_embedded == 0
    assert eigenlm.search(lm, folder / "deep", QUERY).index != first.index
    first.index.write_bytes(os.urandom(5000))  # there, it can be nothing but ours
    assert eigenlm.search(lm, folder, QUERY).answers == first.answers
    assert "was damaged" in capsys.readouterr().err


@pytest.mark.parametrize(("query", "count"), [(" ", 5), (QUERY, 0)])
def test_bad_questions(lm, folder, index, query, count):
    with pytest.raises((DataError, ConfigError), match="expected"):
        eigenlm.search(lm, folder, query, count=count, index=index)
    assert not index.exists()


SLOW = """
import sys, time
import eigenlm
from eigenlm.sentences import passage_index
passage_index._EMBEDDED = 8
kept = passage_index.PassageIndex.add
def slowly(self, numbers, vectors):
    kept(self, numbers, vectors)
    print(len(numbers), flush=True)
    time.sleep(0.5)
passage_index.PassageIndex.add = slowly
eigenlm.search(eigenlm.load(sys.argv[1], device="cpu"), sys.argv[2], "water", index=sys.argv[3])
"""


def test_a_search_that_was_killed_goes_on_where_it_was(lm, encoder_folder, folder, index, tmp_path):
    (folder / "long.txt").write_text("\n\n".join(f"The {'bank ' * (1 + i % 5)} of river." for i in range(200)))
    killed = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(encoder_folder), str(folder), str(index)], stdout=subprocess.PIPE
    )
    assert killed.stdout is not None
    assert [killed.stdout.readline() for _ in range(2)] == [b"8\n"] * 2
    time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    found = eigenlm.search(lm, folder, QUERY, index=index)
    whole = eigenlm.search(lm, folder, QUERY, index=tmp_path / "whole")
    assert found.num_embedded == whole.num_passages - 16
    assert places(found) == places(whole)
    assert [one.score for one in found.answers] == pytest.approx([one.score for one in whole.answers], abs=1e-6)
