"""Bad input: one clear line on standard error, exit code 2, and nothing left behind."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from eigenlm.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def refused(words: list[str], capsys: Capture) -> str:
    """Run a command that must fail; give its one line."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("eigenlm: ")
    assert err.count("\n") == 1
    return err


def rewrite_tensors(model: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(model / "model.safetensors")
    change(tensors)
    save_file(tensors, model / "model.safetensors")


def rewrite_config(model: Path, **values: object) -> None:
    path = model / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def truncate(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def lie_about_length(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 40) + path.read_bytes()[8:])


def drop_tensor(model: Path) -> None:
    rewrite_tensors(model, lambda t: t.pop("model.layers.1.mlp.up_proj.weight"))


def add_tensor(model: Path) -> None:
    rewrite_tensors(model, lambda t: t.update({"model.layers.1.mlp.extra.weight": torch.ones(2)}))


def wrong_shape(model: Path) -> None:
    rewrite_tensors(model, lambda t: t.update({"model.layers.0.mlp.up_proj.weight": torch.ones(3, 5)}))


def pickle_instead(model: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")


def broken_json(model: Path) -> None:
    (model / "config.json").write_text("{")


def no_such_family(model: Path) -> None:
    rewrite_config(model, architectures=["NoSuchForCausalLM"], model_type="no_such")


def odd_setting(model: Path) -> None:
    rewrite_config(model, hidden_act="mish")


def reward_head(model: Path) -> None:
    rewrite_config(model, architectures=["LlamaForSequenceClassification"])
    rewrite_tensors(model, lambda t: t.update({"score.weight": torch.ones(1, t["model.norm.weight"].numel())}))


def packed_weights(model: Path) -> None:
    rewrite_config(model, quantization_config={"quant_method": "gptq", "bits": 4})
    packed = torch.zeros(4, 8, dtype=torch.int32)
    rewrite_tensors(model, lambda t: t.update({"model.layers.0.mlp.up_proj.qweight": packed}))


SPOILS: dict[Callable[[Path], None], str] = {
    truncate: "model.safetensors",
    lie_about_length: "model.safetensors",
    drop_tensor: "up_proj",
    add_tensor: "extra",
    wrong_shape: "up",
    odd_setting: "'mish'",
    reward_head: "LlamaForSequenceClassification",
    packed_weights: "codes of gptq",
    pickle_instead: "pickle",
    broken_json: "config.json",
    no_such_family: "no_such",
    lambda model: (model / "model.safetensors").unlink(): "model.safetensors",
    lambda model: shutil.rmtree(model): "finding the model",
}
# Whole files that make no model of ours; what is left of SPOILS is damaged, so that nothing can be looked at.
NOT_UNDERSTOOD = (drop_tensor, add_tensor, wrong_shape, no_such_family, odd_setting, reward_head, packed_weights)
DAMAGED = SPOILS.keys() - set(NOT_UNDERSTOOD)


@pytest.mark.parametrize(("spoil", "named"), SPOILS.items())
def test_damaged_model(model: Path, capsys: Capture, spoil: Callable[[Path], object], named: str) -> None:
    spoil(model)
    assert named.lower() in refused(["generate", str(model), "--prompt", "a"], capsys).lower()
    if spoil in DAMAGED:
        assert named.lower() in refused(["info", str(model)], capsys).lower()


@pytest.mark.parametrize("spoil", NOT_UNDERSTOOD)
def test_a_model_that_cannot_be_run_is_looked_at(model: Path, capsys: Capture, spoil: Callable[[Path], object]) -> None:
    spoil(model)
    tensors = load_file(model / "model.safetensors")
    matrices = {name: tensor for name, tensor in tensors.items() if tensor.dim() == 2 and tensor.is_floating_point()}
    assert main(["analyze", str(model), "--json"]) == 0
    out, err = capsys.readouterr()
    said = [line for line in err.splitlines() if not line.startswith("analyze:")]  # how far it is, if it takes long
    assert len(said) == 1
    assert SPOILS[spoil] in err
    assert "analyze" in err
    found = {row["name"]: row["spectral_norm"] for row in json.loads(out)["matrices"]}
    expected = {name.removesuffix(".weight"): float(torch.linalg.matrix_norm(W, 2)) for name, W in matrices.items()}
    assert found == pytest.approx(expected, rel=1e-4)  # float32 singular values beside ours from float64

    assert main(["info", str(model), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert SPOILS[spoil] in told["cannot_run"]
    assert told["num_params"] == sum(tensor.numel() for tensor in tensors.values())
    assert main(["info", str(model)]) == 0
    table = capsys.readouterr().out
    assert SPOILS[spoil] in " ".join(table.split())
    assert "model.layers.*" in table
    assert main(["generate", str(model), "--prompt", "a"]) == 2


@pytest.mark.parametrize(
    "content", [b"", b"GGUF", b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60), b"\x80\x02}q\x00."]
)
def test_damaged_gguf(tmp_path: Path, capsys: Capture, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    assert "model.gguf" in refused(["info", str(path)], capsys)


def test_weights_that_are_no_numbers(model: Path, capsys: Capture) -> None:
    rewrite_tensors(model, lambda t: t["model.layers.0.mlp.up_proj.weight"].fill_(torch.nan))
    line = refused(["generate", str(model), "--prompt", "a", "--max-tokens", "1"], capsys)
    assert "feed_forward.up" in line or "up_proj" in line


def test_prompt_longer_than_the_context(tiny_model: Path, capsys: Capture) -> None:
    assert "128" in refused(["generate", str(tiny_model), "--prompt", "a b " * 200], capsys)


def test_empty_prompt(tiny_model: Path, capsys: Capture) -> None:
    assert "prompt" in refused(["generate", str(tiny_model), "--prompt", ""], capsys)


def test_temperature_below_zero(tiny_model: Path, capsys: Capture) -> None:
    assert "temperature" in refused(["generate", str(tiny_model), "--prompt", "a", "--temperature", "-1"], capsys)


def test_device_that_is_not_here(tiny_model: Path, capsys: Capture) -> None:
    assert "device" in refused(["generate", str(tiny_model), "--prompt", "a", "--device", "moon"], capsys)


def blow_up(model: Path) -> None:
    """Finite still, but products of these weights are not."""
    rewrite_tensors(model, lambda t: [tensor.mul_(1e12) for tensor in t.values()])


def test_logits_that_are_no_numbers(model: Path, tiny_text: Path, capsys: Capture) -> None:
    blow_up(model)
    for words in (
        ["generate", str(model), "--prompt", "a matrix", "--max-tokens", "3"],
        ["generate", str(model), "--prompt", "a matrix", "--temperature", "0.7"],
        ["perplexity", str(model), "--text", str(tiny_text)],
        ["measure", str(model), str(model), "--text", str(tiny_text)],
    ):
        assert "NaN or infinity" in refused(words, capsys)


@pytest.mark.parametrize("given", [["--max-tokens", "-5"], ["--seed", str(1 << 64)], ["--temperature", "1e400"]])
def test_a_number_that_is_none(tiny_model: Path, capsys: Capture, given: list[str]) -> None:
    option = given[0].strip("-").replace("-", "_")
    assert option in refused(["generate", str(tiny_model), "--prompt", "a", *given], capsys)
