"""A LoRA adapter's changes, and tensors of what cannot be run."""

import json
import math

import pytest
import torch
from safetensors.torch import save_file

from eigenlm.checkpoint import open_tensors
from eigenlm.errors import CheckpointError

LAYER = "base_model.model.model.layers.0.self_attn.q_proj"


def write_adapter(folder, *, rank=2, **config):
    torch.manual_seed(0)
    A, B = torch.randn(rank, 6), torch.randn(5, rank)
    save_file({f"{LAYER}.lora_A.weight": A, f"{LAYER}.lora_B.weight": B}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank, "lora_alpha": 8} | config))
    return A, B


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({}, 4.0),
        ({"use_rslora": True}, 8 / math.sqrt(2)),
        ({"alpha_pattern": {"self_attn.q_proj": 6}}, 3.0),
        ({"alpha_pattern": {"k_proj": 6}}, 4.0),
    ],
)
def test_a_change_is_the_scaled_product_of_its_factors(config, scale, tmp_path):
    A, B = write_adapter(tmp_path, **config)
    tensors = open_tensors(tmp_path)
    (name,) = tensors
    assert name == "model.layers.0.self_attn.q_proj.weight"
    assert (tensors.shape(name), tensors.storage(name), tensors.num_bytes(name)) == ((5, 6), "F32, rank 2", 88)
    torch.testing.assert_close(tensors[name], scale * B @ A)


def test_adapters_that_are_none(tmp_path):
    write_adapter(tmp_path, peft_type="IA3")
    with pytest.raises(CheckpointError, match="expected a LoRA adapter, got peft_type 'IA3'"):
        open_tensors(tmp_path)
    write_adapter(tmp_path)
    save_file({f"{LAYER}.lora_A.weight": torch.ones(2, 6)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match=r"lora_B\.weight, got only its other factor"):
        open_tensors(tmp_path)
    factors = {f"{LAYER}.lora_A.weight": torch.ones(2, 6), f"{LAYER}.lora_B.weight": torch.ones(5, 3)}
    save_file(factors, tmp_path / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match=r"B \(m, r\), got A \(2, 6\) and B \(5, 3\)"):
        open_tensors(tmp_path)


def test_what_cannot_be_run_can_be_looked_at(tmp_path, tiny_model):
    tensors = {"some.weight": torch.randn(3, 4)}
    save_file(tensors, tmp_path / "lonely.safetensors")
    for where in (tmp_path, tmp_path / "lonely.safetensors"):
        assert torch.equal(open_tensors(where)["some.weight"], tensors["some.weight"])
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "not-yet-invented"}))
    assert list(open_tensors(tmp_path)) == ["some.weight"]
    with pytest.raises(CheckpointError):
        open_tensors(tmp_path / "none.safetensors")
