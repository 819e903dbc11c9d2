"""Blocks that a model holds are those of the file that is written of it, experts' in their stack as well."""

from pathlib import Path

import pytest
import torch
import transformers as hf
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import quantize

from eigenlm.checkpoint import read_model, write_gguf
from eigenlm.linear import BlockLinear, linear_maps

KIND = GGMLQuantizationType.Q4_0
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 64}
HEADS = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64}
MODELS = {
    "dense": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**SIZES, **HEADS)),
    "experts": lambda: hf.MixtralForCausalLM(hf.MixtralConfig(**SIZES, **HEADS, num_local_experts=4)),
}


@pytest.mark.parametrize("name", MODELS)
def test_blocks_go_into_the_file_as_they_are(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    MODELS[name]().save_pretrained(tmp_path / "theirs")
    ours, whole = read_model(tmp_path / "theirs"), []
    for layer_name, layer in linear_maps(ours.model).items():
        if layer.in_features % 32 == 0:
            W = layer.dense().detach()
            rows = torch.from_numpy(quantize(W.numpy(), KIND))
            blocks = BlockLinear.from_blocks(rows, W.shape[1], int(KIND), layer.bias, W.dtype)
            ours.model.set_submodule(layer_name, blocks)
            whole.append(layer_name)
    assert whole
    assert any("experts" in layer_name for layer_name in whole) == (name == "experts")
    write_gguf(tmp_path / "m.gguf", ours.model, family=ours.family)
    assert KIND in {tensor.tensor_type for tensor in GGUFReader(tmp_path / "m.gguf").tensors}
    read = linear_maps(read_model(tmp_path / "m.gguf").model)
    for layer_name in whole:
        assert torch.equal(read[layer_name].dense(), linear_maps(ours.model)[layer_name].dense()), layer_name
