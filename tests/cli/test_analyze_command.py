"""`eigenlm analyze`: numpy's singular values in a table, in JSON, and in a page."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from eigenlm.cli import main

Capture = pytest.CaptureFixture[str]


def test_json_agrees_with_numpy(tiny_model: Path, capsys: Capture) -> None:
    assert main(["analyze", str(tiny_model), "--json"]) == 0
    found = {matrix["name"]: matrix for matrix in json.loads(capsys.readouterr().out)["matrices"]}
    tensors = load_file(tiny_model / "model.safetensors")
    assert len(found) == sum(tensor.ndim == 2 for tensor in tensors.values())
    S = np.linalg.svd(tensors["model.layers.1.mlp.up_proj.weight"].astype(np.float64), compute_uv=False)
    matrix = found["blocks.1.feed_forward.up"]
    assert matrix["spectral_norm"] == pytest.approx(S[0], rel=1e-6)  # the room's own promise
    assert matrix["stable_rank"] == pytest.approx((S**2).sum() / S[0] ** 2, rel=1e-6)
    assert matrix["condition_number"] == pytest.approx(S[0] / S[-1], rel=1e-6)


def test_report_is_written_and_needs_no_network(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "report.html"
    assert main(["analyze", str(tiny_model), "--out", str(page)]) == 0
    assert str(page) in capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    assert "blocks.1.feed_forward.up" in html
    assert 'src="http' not in html


def test_every_matrix_gets_a_row(tiny_model: Path, capsys: Capture, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["analyze", str(tiny_model), "--every"]) == 0
    printed = capsys.readouterr().out
    assert all(f"blocks.{layer}.attention.query" in printed for layer in (0, 1))
