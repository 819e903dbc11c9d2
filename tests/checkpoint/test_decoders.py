"""Mixtures of experts and decoders that are not quite Llama: files as they are found, and what is refused."""

import pytest
import tiny_decoders
import tiny_transformers
import torch
from test_hugging_face import TOLERANCE, edited, saved

from eigenlm.checkpoint import open_tensors, read_model, write_hugging_face
from eigenlm.checkpoint.dialects.gguf_rope import read_gguf_rope
from eigenlm.checkpoint.dialects.rope import ROTARY
from eigenlm.errors import EigenError


def logits(folder):
    with torch.no_grad():
        return read_model(folder).model(tiny_transformers.ids())


@pytest.mark.parametrize("name", ["mixtral", "qwen3-moe-dense-first", "gpt-neox"])
def test_names_as_transformers_5_keeps_them_in_memory(name, tmp_path):
    theirs = saved(name, tmp_path / "model", save_original_format=False)
    torch.testing.assert_close(logits(tmp_path / "model"), tiny_transformers.answer(theirs), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["mixtral", "gpt-oss"])
def test_experts_are_matrices_of_their_own(name, tmp_path):
    theirs = saved(name, tmp_path / "model").state_dict()
    tensors = open_tensors(tmp_path / "model")
    if name == "mixtral":
        stacked = theirs["model.layers.1.mlp.experts.gate_up_proj"]
        gate, up = stacked[3].chunk(2)
    else:
        stacked = theirs["model.layers.1.mlp.experts.gate_up_proj"]
        gate, up = stacked[3].mT[::2], stacked[3].mT[1::2]
    expert = "blocks.1.feed_forward.experts.3"
    assert torch.equal(tensors[f"{expert}.gate.weight"], gate)
    assert torch.equal(tensors[f"{expert}.up.weight"], up)
    assert tensors.num_bytes(f"{expert}.up.weight") == up.numel() * 4


def test_pythia_as_transformers_4_spelled_it(tmp_path):
    theirs = saved("gpt-neox", tmp_path / "model")
    edited(tmp_path / "model", rope_parameters=None, rotary_pct=1 / 3, rotary_emb_base=10000)
    torch.testing.assert_close(logits(tmp_path / "model"), tiny_transformers.answer(theirs), rtol=0, atol=TOLERANCE)


def test_a_family_is_found_past_those_that_cannot_join_its_heads(tmp_path):
    """GPT-NeoX keeps all heads in one matrix, which grouped keys do not fit."""
    saved("phi", tmp_path / "model")
    assert write_hugging_face(tmp_path / "ours", read_model(tmp_path / "model").model) == "phi"


@pytest.mark.parametrize("kind", ["su", "yarn"])
def test_longrope_as_early_files_call_it(kind, tmp_path):
    theirs = saved("phi3-long", tmp_path / "model")
    rope = {key: value for key, value in theirs.config.rope_parameters.items() if key.endswith("_factor")}
    edited(tmp_path / "model", rope_parameters=None, rope_scaling={**rope, "type": kind})
    torch.testing.assert_close(logits(tmp_path / "model"), tiny_transformers.answer(theirs), rtol=0, atol=TOLERANCE)


def test_yarn_in_gguf_is_that_of_the_folder(tmp_path):
    """llama.cpp spells the numbers otherwise; those of the folder are held against transformers above."""
    saved("gpt-oss", tmp_path / "model")
    tensors, rotary = open_tensors(tmp_path / "model"), read_model(tmp_path / "model").config.layers[0].attention.rotary
    spelled = {
        "rope.scaling.type": "yarn",
        "rope.freq_base": 150000.0,
        "rope.scaling.factor": 4.0,
        "rope.scaling.original_context_length": 16,
    }
    fields = read_gguf_rope(spelled, tensors, 16, truncate=False)[ROTARY]
    assert fields["frequency_factors"] == list(rotary.frequency_factors)
    assert fields["scale"] == rotary.scale
    with pytest.raises(EigenError, match=r"attn_factor = 1\.0"):
        read_gguf_rope(spelled | {"rope.scaling.attn_factor": 2.0}, tensors, 16)


# What 16-bit files lose is lost before either library reads them; both then compute in float32.
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", tiny_decoders.ONE_OF_EACH)
def test_sharded_files_in_half_precision(name, dtype, tmp_path):
    theirs = tiny_transformers.tiny(name).to(dtype)
    theirs.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 2
    again = type(theirs).from_pretrained(tmp_path / "model", dtype=torch.float32)
    torch.testing.assert_close(logits(tmp_path / "model"), tiny_transformers.answer(again), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("mixtral", {"num_local_experts": 2**40}, "mixtral.*at most 5 experts"),
        ("mixtral", {"num_local_experts": 4}, "only tensors of the model|sizes"),
        ("mixtral", {"num_local_experts": None}, "right types"),
        ("mixtral", {"num_experts_per_tok": 6}, "top_k: expected 1 to 5"),
        ("mixtral", {"hidden_act": "gelu"}, "hidden_act = 'silu'"),
        ("qwen3-moe", {"decoder_sparse_step": 0}, "right types"),
        ("qwen3-moe", {"mlp_only_layers": [1]}, r"model\.layers\.1\.mlp\.gate_proj"),
        ("gpt-neox", {"hidden_act": "mish"}, "'mish'"),
        ("gpt-neox", {"num_attention_heads": 5}, "heads that divide"),
        ("phi3", {"head_dim": 16}, "heads of width 12"),
        ("phi3", {"rope_parameters": {"rope_type": "ntk"}}, "'ntk'"),
        ("phi", {"qk_layernorm": True}, r"tensors model\.layers\.0\.self_attn\.q_layernorm\.weight"),
        ("stablelm", {"qk_layernorm": True}, "qk_layernorm = False"),
        ("stablelm", {"num_attention_heads": 5}, "heads that divide"),
        ("starcoder2", {"hidden_act": "mish"}, "'mish'"),
        ("opt", {"word_embed_proj_dim": 24}, "word_embed_proj_dim = hidden_size, got 24"),
        ("opt", {"layer_norm_elementwise_affine": False}, "layer_norm_elementwise_affine = True"),
        ("opt", {"architectures": ["OPTForQuestionAnswering"]}, "OPTForCausalLM or OPTModel"),
        ("gpt-oss", {"swiglu_limit": 5.0}, "swiglu_limit = 7.0"),
        ("gpt-oss", {"swiglu_alpha": 1.0}, "swiglu_alpha = 1.702"),
        (
            "gpt-oss",
            {"quantization_config": {"quant_method": "mxfp4"}},
            "quantization_config: expected matrices in the codes of mxfp4, got none",
        ),
    ],
)
def test_what_is_not_computed_is_refused_in_one_line(name, changes, message, tmp_path):
    saved(name, tmp_path / "model")
    with pytest.raises(EigenError, match=message) as caught:
        read_model(edited(tmp_path / "model", **changes))
    assert "\n" not in str(caught.value)
