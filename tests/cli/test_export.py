"""`eigenlm export`: what it writes is what other libraries read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
import pytest
import torch
import transformers
from safetensors.torch import load_file

from eigenlm.cli import main

Capture = pytest.CaptureFixture[str]


def test_hugging_face_folder_keeps_every_number(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "hf"
    assert main(["export", str(tiny_model), "--to", "hf", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    before, after = load_file(tiny_model / "model.safetensors"), load_file(out / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert told == {
        "out": str(out),
        "family": "llama",
        "storage": "F32",
        "num_bytes": sum(tensor.nbytes for tensor in before.values()),
    }
    assert transformers.AutoModelForCausalLM.from_pretrained(out).num_parameters() == told["num_bytes"] // 4


def test_gguf_is_stored_as_asked(tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.gguf"
    assert main(["export", str(tiny_model), "--to", "gguf", "--out", str(out), "--storage", "F16"]) == 0
    kinds = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(out).tensors}
    assert kinds["blk.0.attn_q.weight"] == "F16"
    assert kinds["output_norm.weight"] == "F32"


def test_what_llama_cpp_computes_otherwise_is_told(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    config = json.loads((tiny_model / "config.json").read_text())
    shutil.copytree(tiny_model, tmp_path / "mistral")
    changed = config | {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 7}
    (tmp_path / "mistral" / "config.json").write_text(json.dumps(changed))
    assert main(["export", str(tmp_path / "mistral"), "--to", "gguf", "--out", str(tmp_path / "m.gguf")]) == 0
    assert "llama.cpp computes it without its window of 7 tokens" in capsys.readouterr().out


@pytest.mark.parametrize("to", ["hf", "gguf"])
def test_a_place_that_cannot_be_written(tiny_model: Path, tmp_path: Path, capsys: Capture, to: str) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert main(["export", str(tiny_model), "--to", to, "--out", str(blocked / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"eigenlm: writing {blocked / 'out'}")
    assert blocked.read_text() == "in the way"


def test_quantized_hugging_face_folder_is_refused(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["export", str(tiny_model), "--to", "hf", "--out", str(tmp_path / "x"), "--storage", "Q8_0"]) == 2
    assert "--to gguf" in capsys.readouterr().err


@pytest.mark.parametrize("to", ["hf", "gguf"])
def test_a_full_disk_leaves_nothing(tiny_model: Path, tmp_path: Path, to: str) -> None:
    """A limit on the size of files stops the writing in the middle, as a full disk does."""
    words = f"{sys.executable} -m eigenlm export {tiny_model} --to {to} --out {tmp_path / 'out'} --storage F32"
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(["bash", "-c", f"ulimit -f 20; {words}"], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith(f"eigenlm: writing {tmp_path / 'out'}")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
