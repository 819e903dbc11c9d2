"""LoRA adapters: merged as PEFT merges them, or refused by name; their changes; and tensors of what cannot be run."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.checkpoint.tiny_adapters import KINDS, REFUSED, merged_by_peft, tiny_adapter

import eigenlm
from eigenlm.checkpoint import open_tensors, read_model
from eigenlm.cli import main
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


IDS = torch.randint(3, 90, (2, 9), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_merged_as_peft_merges(kind, tmp_path):
    base, adapter = tiny_adapter(kind, tmp_path)
    with torch.no_grad():
        want, plain = merged_by_peft(base, adapter)(IDS).logits, read_model(base).model(IDS)
        found = read_model(base, adapter=adapter).model(IDS)
    assert (want - plain).abs().max() > 1e-3  # the adapter does something
    torch.testing.assert_close(found, want, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_plain_merge_is_refused_by_name(kind, tmp_path):
    base, adapter = tiny_adapter(kind, tmp_path)
    named = {"PiSSA": "pissa", "OLoRA": "olora", "some tokens": "trainable_token", "activated": "alora_invocation"}
    with pytest.raises(CheckpointError, match=named[kind]) as refused:
        read_model(base, adapter=adapter)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["DoRA", "DoRA of Conv1D", "whole head and embedding"])
def test_a_change_that_needs_the_base_is_the_difference_that_peft_makes(kind, tmp_path):
    base, adapter = tiny_adapter(kind, tmp_path)
    with torch.no_grad():
        before, after = open_tensors(base), merged_by_peft(base, adapter).state_dict()
    changes = open_tensors(adapter)  # its config says where the base is
    original = load_file(base / "model.safetensors")
    assert len(changes) >= 4
    for name in changes:
        want = after[name] - original[name]
        found = changes[name] if changes[name].shape == want.shape else changes[name].mT
        torch.testing.assert_close(found, want, rtol=1e-5, atol=1e-6)  # float32 differences of numbers near 1
    assert len(before) > len(changes) or kind != "DoRA"
    (base / "config.json").unlink()
    found = eigenlm.analyze(adapter)
    listed = {row.name for row in (*found.matrices, *found.skipped)}
    assert listed == {name.removesuffix(".weight") for name in changes}  # matrices and vectors alike
    assert any("put the base model where" in row.reason for row in found.skipped)


def test_an_adapter_alone_finds_its_base_and_another_base_is_refused(tmp_path):
    base, adapter = tiny_adapter("plain", tmp_path)
    with torch.no_grad():
        alone, beside = (
            read_model(*args, **more).model(IDS) for args, more in (((adapter,), {}), ((base,), {"adapter": adapter}))
        )
    assert torch.equal(alone, beside)
    (tmp_path / "other").mkdir()
    other, _ = tiny_adapter("Conv1D", tmp_path / "other")
    with pytest.raises(CheckpointError, match=r"tensors of the base model alone, got 'model\.layers\.0\."):
        read_model(other, adapter=adapter)
    gguf = tmp_path / "m.gguf"
    assert main(["export", str(base), "--to", "gguf", "--out", str(gguf), "--storage", "F32"]) == 0
    with pytest.raises(CheckpointError, match="expected a Hugging Face folder, got"):
        read_model(gguf, adapter=adapter)


def test_merged_on_the_way_out(tmp_path, capsys):
    base, adapter = tiny_adapter("rank pattern", tmp_path)
    out = tmp_path / "merged"
    assert main(["export", str(base), "--to", "hf", "--merge", str(adapter), "--out", str(out)]) == 0
    assert main(["info", str(base), "--adapter", str(adapter), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["family"] == "llama"
    with torch.no_grad():
        want = merged_by_peft(base, adapter)(IDS).logits
        torch.testing.assert_close(read_model(out).model(IDS), want, rtol=0, atol=1e-5)
