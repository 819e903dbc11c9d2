"""Calibration and held-out text never share a document."""

import json
from pathlib import Path

import pytest

from eigenlm.errors import DataError
from eigenlm.text.python_documentation import python_documentation
from eigenlm.tour.texts import read_texts


def test_python_documentation_is_split_by_document() -> None:
    texts = read_texts(None)
    assert set(texts.calibration).isdisjoint(texts.held_out)
    assert len(texts.calibration) + len(texts.held_out) == len(python_documentation())
    assert 2.5 < len(texts.calibration) / len(texts.held_out) < 3.5


def test_documents_of_a_file_are_split(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    path.write_text("\n".join(json.dumps({"text": f"document {i}"}) for i in range(9)))
    texts = read_texts(path)
    assert texts.held_out == ("document 3", "document 7")
    assert len(texts.calibration) == 7


def test_one_text_is_cut_at_a_line(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    lines = [f"line {i}" for i in range(100)]
    path.write_text("\n".join(lines))
    texts = read_texts(path)
    assert "".join([*texts.calibration, *texts.held_out]).split("\n") == lines
    assert len(texts.held_out[0]) == pytest.approx(path.stat().st_size / 4, rel=0.05)  # to the nearest line


def test_one_line_cannot_be_split(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("all in one line")
    with pytest.raises(DataError, match="one line"):
        read_texts(tmp_path / "text.txt")
