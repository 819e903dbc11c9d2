"""`eigenlm analyze`: numpy's singular values in a table, in JSON, and in a page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

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
    assert main(["analyze", str(tiny_model), "--html", str(page)]) == 0
    assert str(page) in capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    assert "blocks.1.feed_forward.up" in html
    assert 'src="http' not in html


def test_every_matrix_gets_a_row(tiny_model: Path, capsys: Capture, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["analyze", str(tiny_model), "--every"]) == 0
    printed = capsys.readouterr().out
    assert all(f"blocks.{layer}.attention.query" in printed for layer in (0, 1))


def test_five_findings_come_first_and_the_rest_is_asked_for(tiny_model: Path, capsys: Capture, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["analyze", str(tiny_model), "--json"]) == 0
    found = [finding["heading"] for finding in json.loads(capsys.readouterr().out)["findings"]]
    assert found[0] == "This model looks untrained"
    assert main(["analyze", str(tiny_model)]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 40
    flat = " ".join(printed.split())
    places = [flat.index(f"{heading}.") for heading in found[:5]]
    assert places == sorted(places)
    assert places[-1] < flat.index(f"{len(found) - 5} more findings: --every") < flat.index("Kinds of matrices")
    assert "columns left out" in flat
    assert not any(f"{heading}." in flat for heading in found[5:])
    assert main(["analyze", str(tiny_model), "--every"]) == 0
    flat = " ".join(capsys.readouterr().out.split())
    assert all(f"{heading}." in flat for heading in found)


def test_a_text_adds_what_the_model_does_with_it(
    tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = tmp_path / "words.json"
    kinds = {"a": ["the big bank", "a bank", "one bank"], "b": ["my bank", "her small bank", "no bank"]}
    words.write_text(json.dumps({"word": "bank", "senses": kinds}))
    assert main(["analyze", str(tiny_model), "--text", str(tiny_text), "--senses", str(words), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["activations"]["layers"]) == 3
    assert len(found["activations"]["heads"]) == 8
    assert found["senses"]["counts"] == {"a": 3, "b": 3}
    assert found["curvature"] is None
    assert found["left_out"] == {}


def test_curvature_without_a_text_reads_that_of_python(tiny_model: Path, capsys: Capture) -> None:
    assert main(["analyze", str(tiny_model), "--curvature", "--json"]) == 0
    curvature = json.loads(capsys.readouterr().out)["curvature"]
    assert curvature["num_tokens"] == 2 * 127
    top = curvature["gauss_newton_largest"][0]
    assert top["value"] > 0
    assert top["residual"] <= 1e-2 * top["value"]


def test_two_models_are_compared(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    other = tmp_path / "other"
    other.mkdir()
    tensors = load_file(tiny_model / "model.safetensors")
    up = "model.layers.1.mlp.up_proj.weight"
    column, row = np.ones((len(tensors[up]), 1)), np.ones((1, tensors[up].shape[1]))
    save_file(tensors | {up: tensors[up] + (column @ row).astype(np.float32)}, other / "model.safetensors")
    (other / "config.json").write_bytes((tiny_model / "config.json").read_bytes())
    assert main(["analyze", str(tiny_model), str(other), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["matrices"]}
    assert [name for name, row in rows.items() if row["change"]] == ["blocks.1.feed_forward.up"]
    assert rows["blocks.1.feed_forward.up"]["change"]["rank_90"] == 1
    page = tmp_path / "page.html"
    assert main(["analyze", str(tiny_model), str(other), "--html", str(page)]) == 0
    out = capsys.readouterr().out
    assert "feed_forward.up" in out
    assert str(page) in out.replace("\n", "")
    assert "1 of 15 matrices changed" in page.read_text(encoding="utf-8")
    assert main(["analyze", str(tiny_model), str(other), str(tiny_model), "--html", str(page)]) == 0
    assert "The same model" in capsys.readouterr().out
    assert '"key":"rel_change_2"' in page.read_text(encoding="utf-8")
    assert main(["analyze", str(tiny_model), str(page), str(other), "--html", str(page)]) == 2
    assert "page.html" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--text", "none.txt"], "expected a file or folder, got nothing there"),
        (["--text", "short.txt"], "expected at least 128 tokens"),
        (["--senses", "short.txt"], "short.txt"),
        (["OTHER", "--curvature"], "comparing models: expected weights alone, got --curvature"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: list[str], line: str, tiny_model: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("short.txt").write_text("Too short.")
    assert main(["analyze", str(tiny_model), *words]) == 2
    out, err = capsys.readouterr()
    assert line in err
    assert (out, err.count("\n")) == ("", 1)


def test_ranks_share_the_matrices_and_say_the_same(tiny_model: Path, capsys: Capture) -> None:
    """`torchrun -m eigenlm analyze` over two processes, beside one: the same JSON to the last digit, told once."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "eigenlm", "analyze", str(tiny_model), "--json"]
    shared = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert shared.returncode == 0, shared.stderr
    assert main(["analyze", str(tiny_model), "--json"]) == 0
    assert json.loads(shared.stdout) == json.loads(capsys.readouterr().out)
