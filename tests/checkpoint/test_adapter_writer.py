"""LoRA adapters that we write: what PEFT and llama.cpp's files make of them is what our sums apply."""

import json
import warnings
from pathlib import Path

import peft
import pytest
import tiny_transformers
import torch
from gguf import GGUFReader
from gguf.quants import dequantize

from eigenlm.checkpoint import read_model, write_gguf, write_gguf_adapter, write_peft
from eigenlm.errors import CheckpointError, ConfigError
from eigenlm.linear import LowRankLinear, SumLinear
from eigenlm.model import Transformer
from eigenlm.observe import linears, replace_

IN_PEFT = [
    *("llama", "llama-tied", "llama-biased", "llama-wide-heads", "mistral", "qwen2", "qwen3", "gpt2", "phi", "phi3"),
    *("gpt-neox", "bert", "bert-mlm", "gemma2", "modernbert", "opt", "starcoder2"),
]
IN_GGUF = ["llama", "llama-tied", "llama-wide-heads", "mistral", "qwen2", "qwen3", "gpt2", "phi3", "gemma2", "bert"]


def add_low_rank_(model: Transformer, *, equal: bool) -> None:
    """Beside each matrix, or beside two of three with ranks of their own."""
    torch.manual_seed(1)
    for i, (name, layer) in enumerate(linears(model).items()):
        rank = 3 if equal else i % 3
        if rank:
            B, A = 0.1 * torch.randn(layer.out_features, rank), 0.1 * torch.randn(rank, layer.in_features)
            replace_(model, name, SumLinear([layer, LowRankLinear.from_factors(B, A)]))


def tiny(name: str, folder: Path, *, equal: bool = True) -> tuple[torch.nn.Module, Transformer, str]:
    theirs = tiny_transformers.tiny(name)
    theirs.save_pretrained(folder / "base")
    ours = read_model(folder / "base")
    add_low_rank_(ours.model, equal=equal)
    return theirs, ours.model, ours.family


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("name", IN_PEFT)
def test_peft_computes_what_the_sums_do(name: str, equal: bool, tmp_path: Path) -> None:
    theirs, ours, family = tiny(name, tmp_path, equal=equal)
    before = tiny_transformers.answer(theirs)
    assert write_peft(tmp_path / "adapter", ours, base=str(tmp_path / "base"), family=family) == family
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # PEFT's of tensors that it lacks or does not know
        adapted = peft.PeftModel.from_pretrained(theirs, tmp_path / "adapter").eval()
    with torch.no_grad():
        found, want = tiny_transformers.our_answer(ours), tiny_transformers.answer(adapted)
        merged = tiny_transformers.our_answer(read_model(tmp_path / "base", adapter=tmp_path / "adapter").model)
    assert (want - before).norm() > 1e-3 * want.norm()  # the adapter does something
    for ours in (found, merged):  # float32 sums in another order
        assert (ours - want).norm() <= 1e-6 * want.norm()


def matrices(path: Path) -> dict[str, torch.Tensor]:
    tensors = GGUFReader(path).tensors
    return {each.name: torch.tensor(dequantize(each.data, each.tensor_type)) for each in tensors}


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("name", IN_GGUF)
def test_a_gguf_file_and_its_adapter_are_the_file_of_the_sums(name: str, equal: bool, tmp_path: Path) -> None:
    _, ours, family = tiny(name, tmp_path, equal=equal)
    base = read_model(tmp_path / "base")
    architecture = write_gguf(tmp_path / "base.gguf", base.model, storage="F32", family=family)
    write_gguf(tmp_path / "sums.gguf", ours, storage="F32", family=family, multiply_out=True)
    assert write_gguf_adapter(tmp_path / "lora.gguf", ours, family=family) == architecture
    said = {key: each.contents() for key, each in GGUFReader(tmp_path / "lora.gguf").fields.items()}
    assert (said["general.type"], said["general.architecture"]) == ("adapter", architecture)
    assert said["adapter.type"] == "lora"
    before, after, added = (matrices(tmp_path / f"{file}.gguf") for file in ("base", "sums", "lora"))
    changed = {key.removesuffix(".lora_a") for key in added if key.endswith(".lora_a")}
    assert {*added} == {f"{key}.lora_{part}" for key in changed for part in "ab"}
    for key, W in before.items():
        if key in changed:
            A, B = added[f"{key}.lora_a"], added[f"{key}.lora_b"]
            W = W + said["adapter.lora.alpha"] / len(A) * (B @ A)  # as llama.cpp scales it
        torch.testing.assert_close(W, after[key], rtol=1e-6, atol=1e-6)
    assert any(not torch.equal(before[key], after[key]) for key in changed)


@pytest.mark.parametrize(("storage", "dtype"), [("F16", torch.float16), ("BF16", torch.bfloat16)])
def test_narrow_factors_are_the_rounded_ones(storage: str, dtype: torch.dtype, tmp_path: Path) -> None:
    _, ours, family = tiny("llama", tmp_path)
    write_gguf_adapter(tmp_path / "lora.gguf", ours, family=family, storage=storage)
    write_peft(tmp_path / "adapter", ours, family=family, storage=storage)
    found = matrices(tmp_path / "lora.gguf")["blk.0.ffn_up.weight.lora_a"]
    A = ours.blocks[0].feed_forward.up.parts[1].A.detach()
    assert torch.equal(found.to(dtype), A.to(dtype))
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["target_modules"] == [f"{word}_proj" for word in ("down", "gate", "k", "o", "q", "up", "v")]
    assert (config["r"], config["lora_alpha"], config["rank_pattern"]) == (3, 3, {})


@pytest.mark.parametrize("write", [write_peft, write_gguf_adapter])
def test_what_is_no_adapter_is_refused(write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tiny_transformers.tiny("llama").save_pretrained(tmp_path / "base")
    model = read_model(tmp_path / "base").model
    with pytest.raises(ConfigError, match="expected layers with a low-rank part beside their matrix, got none"):
        write(out, model)
    up = model.blocks[0].feed_forward.up
    large = LowRankLinear.from_factors(torch.full((96, 1), 1e5), torch.ones(1, 64))
    model.blocks[0].feed_forward.up = SumLinear([up, large])
    with pytest.raises(CheckpointError, match="expected numbers that F16 holds"):
        write(out, model, storage="F16")
    tiny_transformers.tiny("mixtral").save_pretrained(tmp_path / "sparse")
    sparse = read_model(tmp_path / "sparse").model
    add_low_rank_(sparse, equal=True)
    with pytest.raises(ConfigError, match=r"expected matrices that no program stacks, got .*experts\.0"):
        write(out, sparse)
    assert not out.exists()
