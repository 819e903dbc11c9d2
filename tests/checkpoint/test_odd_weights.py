"""Tensors of kinds and sizes that nobody would write: read as the numbers that they are, or one line."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.checkpoint.tiny_adapters import tiny_adapter

import eigenlm
from eigenlm.analysis.weights import weights_of
from eigenlm.checkpoint import open_tensors, read_model
from eigenlm.checkpoint.locate import locate
from eigenlm.cli import main
from eigenlm.errors import CheckpointError, DataError, EigenError

NORM = "model.norm.weight"


def changed(model, folder, change):
    """A model with one tensor changed."""
    shutil.copytree(model, folder, dirs_exist_ok=True)
    tensors = load_file(model / "model.safetensors")
    save_file(tensors | {NORM: change(tensors[NORM])}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.bool, torch.complex64])
def test_weights_that_are_not_real_are_told(dtype, tiny_model, tmp_path):
    model = changed(tiny_model, tmp_path, lambda tensor: tensor.to(dtype))
    with pytest.raises(CheckpointError, match=r"norm\.weight: expected real numbers, got torch\.") as told:
        read_model(model)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_floats_of_eight_bits_are_the_numbers_they_are(dtype, tiny_model, tmp_path):
    model = changed(tiny_model, tmp_path, lambda tensor: torch.linspace(0.5, 2, len(tensor)).to(dtype))
    want = load_file(model / "model.safetensors")[NORM].float()
    assert torch.equal(read_model(model).model.norm.weight.data, want)
    assert torch.equal(open_tensors(model)["norm.weight"].float(), want)
    model = changed(tiny_model, tmp_path, lambda tensor: torch.full((len(tensor),), torch.nan).to(dtype))
    with pytest.raises(CheckpointError, match="NaN"):
        read_model(model)


@pytest.mark.parametrize(
    "parts",
    [
        {"A": torch.ones(2, 5)},
        {"A": torch.ones(2, 5), "B": torch.ones(7, 3)},
        {"A": torch.ones(2), "B": torch.ones(7, 2)},
        {"A": torch.ones(2, 5), "K": torch.ones(3, 2)},
        {"A": torch.ones(2, 5), "K": torch.ones(3, 2), "place": torch.arange(4)},
    ],
)
def test_parts_that_make_no_matrix_stand_for_themselves(parts):
    parts = {f"layer.{part}": tensor for part, tensor in parts.items()}
    found = weights_of(parts)
    assert list(found) == list(parts)
    assert all(torch.equal(found[name], parts[name]) for name in parts)


@pytest.mark.parametrize("place", [torch.tensor([0, 1, 2, 3, 5]), torch.arange(5) - 1, torch.arange(5.0)])
def test_places_that_are_none(place):
    found = weights_of({"layer.A": torch.ones(2, 4), "layer.K": torch.ones(3, 2), "layer.place": place})
    with pytest.raises(DataError, match=r"layer\.place: expected places of 5 rows, got others"):
        found["layer.weight"]


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("plain", {"alpha_pattern": 3}, "alpha_pattern of regular expressions and numbers"),
        ("plain", {"alpha_pattern": {"(": 1}}, "alpha_pattern of regular expressions and numbers"),
        ("plain", {"alpha_pattern": {".*": [1]}}, "alpha_pattern of regular expressions and numbers"),
        ("a matrix as a parameter", {"rank_pattern": {".*": float("inf")}}, "a rank that divides the 4 rows"),
        ("a matrix as a parameter", {"target_parameters": 7}, "target_parameters that are names, got 7"),
        ("a matrix as a parameter", {"target_parameters": [7]}, r"target_parameters that are names, got \[7\]"),
    ],
)
def test_settings_of_an_adapter_that_are_none(kind, config, said, tmp_path):
    base, adapter = tiny_adapter(kind, tmp_path)
    settings = json.loads((adapter / "adapter_config.json").read_text()) | config
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=said) as told:
        read_model(base, adapter=adapter)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("part", ["lora_A.weight", "lora_B.weight", "lora_B.bias"])
def test_an_adapter_of_other_sizes_than_its_base(part, tmp_path):
    base, adapter = tiny_adapter("bias of B" if part == "lora_B.bias" else "plain", tmp_path)
    tensors = load_file(adapter / "adapter_model.safetensors")
    name = next(name for name in tensors if name.endswith(part))
    cut = tensors[name][:, :-1] if part == "lora_A.weight" else tensors[name][:-1]
    save_file(tensors | {name: cut.contiguous()}, adapter / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match="take the base that it was trained on"):
        read_model(base, adapter=adapter)


def test_an_adapter_of_one_matrix_is_looked_at(tmp_path, capsys):
    _, adapter = tiny_adapter("a matrix as a parameter", tmp_path)
    tensors = open_tensors(adapter)
    assert {name.removesuffix(".self_attn.q_proj.weight")[:-1] for name in tensors} == {"model.layers."}
    assert {tensors.storage(name) for name in tensors} == {"F32, rank 4"}
    assert all(tensors[name].shape == tensors.shape(name) == (32, 32) for name in tensors)
    assert main(["info", str(adapter)]) == 0
    assert "F32, rank 4" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["biases of the layers", "whole head and embedding"])
def test_an_adapter_with_whole_tensors_is_looked_at(kind, tmp_path, capsys):
    _, adapter = tiny_adapter(kind, tmp_path)
    assert main(["info", str(adapter)]) == 0
    assert "F32, rank" in capsys.readouterr().out


def test_tensors_without_numbers_are_looked_at(tmp_path, capsys):
    save_file({"a.weight": torch.zeros(0, 3)}, tmp_path / "m.safetensors")
    assert main(["info", str(tmp_path / "m.safetensors")]) == 0
    assert "0.0%" in capsys.readouterr().out


def test_a_name_that_no_file_can_have(tmp_path):
    for name in ("a" * 300, "a" * 300 + ".gguf", "a\0b"):
        with pytest.raises(CheckpointError, match="nothing of that name"):
            locate(name)
    (tmp_path / "modules.json").write_text(json.dumps([{"path": "a" * 300, "type": "m.Transformer"}]))
    with pytest.raises(EigenError) as told:
        eigenlm.load(tmp_path)
    assert "\n" not in str(told.value)
