"""`eigenlm quantize`: files of few bits that open, whose numbers are rounded for what their matrices read."""

import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

import eigenlm
from eigenlm.checkpoint.gguf_blocks import encode
from eigenlm.cli import main
from eigenlm.observe import measure
from eigenlm.text.corpus import documents_of
from eigenlm.text.windows import windows_across

Capture = pytest.CaptureFixture[str]
TEXT = "the cat sat on the mat and the dog ran to the cat " * 40


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def test_a_file_of_the_type_that_was_asked_for_opens(
    tiny_model: Path, text: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "small.gguf"
    words = ["quantize", str(tiny_model), "--type", "iq4_nl", "--text", str(text), "--tokens", "256", "--out", str(out)]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    tensors = gguf.GGUFReader(out).tensors
    assert told["type"] == "IQ4_NL"
    assert told["num_bytes"] == sum(tensor.n_bytes for tensor in tensors)
    assert {t.tensor_type.name for t in tensors if t.name.startswith("blk.0.attn_q.w")} == {"IQ4_NL"}
    assert eigenlm.load(out).generate("the cat", max_tokens=3) is not None


def loss_of(model: torch.nn.Module, before: torch.nn.Module, ids: torch.Tensor) -> float:
    with torch.no_grad():
        want, got = (each(ids).log_softmax(-1) for each in (before, model))
    return float((want.exp() * (want - got)).sum(-1).mean())


def test_what_is_said_after_is_nearer_than_with_numbers_rounded_one_by_one(
    tiny_model: Path, text: Path, tmp_path: Path
) -> None:
    lm = eigenlm.load(tiny_model)
    _, documents = documents_of(text)
    ids = windows_across(documents, lm.tokenizer, 32, 16)
    divergences = []
    for like_llama_cpp in (False, True):
        out = tmp_path / f"{like_llama_cpp}.gguf"
        eigenlm.quantize(lm, out, storage="Q4_0", calibration=text, tokens=512, like_llama_cpp=like_llama_cpp)
        divergences.append(loss_of(eigenlm.load(out).model, lm.model, ids))
    assert divergences[0] < divergences[1]


def test_like_llama_cpp_numbers_are_rounded_by_the_mean_square_of_their_inputs(
    tiny_model: Path, text: Path, tmp_path: Path
) -> None:
    lm = eigenlm.load(tiny_model)
    out = tmp_path / "like.gguf"
    eigenlm.quantize(lm, out, storage="Q4_0", calibration=text, tokens=256, like_llama_cpp=True)
    _, documents = documents_of(text)
    windows = windows_across(documents, lm.tokenizer, 32, 8)
    gram = measure(lm.model, windows, kinds=("inputs",)).input_grams["blocks.0.feed_forward.up"]
    importance = gram.diagonal().numpy().copy()
    W = lm.model.blocks[0].feed_forward.up.dense().detach().numpy()
    stored = next(t for t in gguf.GGUFReader(out).tensors if t.name == "blk.0.ffn_up.weight")
    assert np.array_equal(stored.data, encode(W, stored.tensor_type, importance))


def test_an_unknown_type_is_told_before_the_model_is_read(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "small.gguf"
    assert main(["quantize", str(tiny_model), "--type", "q9_k", "--out", str(out)]) == 2
    assert "type of a GGUF file: expected one of F32, F16" in capsys.readouterr().err
    assert not out.exists()


def test_of_a_file_of_a_size_no_type_is_told_and_what_llama_cpp_misreads_is(
    tiny_model: Path, text: Path, tmp_path: Path, capsys: Capture
) -> None:
    shutil.copytree(tiny_model, tmp_path / "mistral")
    config = json.loads((tiny_model / "config.json").read_text())
    changed = config | {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 7}
    (tmp_path / "mistral" / "config.json").write_text(json.dumps(changed))
    words = ["--size", "1MB", "--text", str(text), "--tokens", "64", "--out", str(tmp_path / "m.gguf"), "--json"]
    assert main(["quantize", str(tmp_path / "mistral"), *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["type"] == "chosen for each matrix"
    assert told["misread"].startswith("llama.cpp computes it without its window of 7 tokens")
