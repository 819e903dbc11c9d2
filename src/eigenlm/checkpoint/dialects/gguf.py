"""What all architectures of GGUF share, as llama.cpp computes them; keys come without the architecture's name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.gguf_rope import gguf_rope
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.checkpoint.dialects.layers import softmax_of
from eigenlm.checkpoint.dialects.names import in_blocks
from eigenlm.checkpoint.dialects.windows import one_window, windows_of
from eigenlm.model import TransformerConfig

LAYER_NORM_EPS = "attention.layer_norm_epsilon"


def present(tensors: Mapping[str, str]) -> FamilyPart:
    """Fields of ours that are true where the file has a tensor."""
    return FamilyPart(read=lambda file: {field: tensor in file.tensors for field, tensor in tensors.items()})


def _one_width(file: FileReading) -> dict[str, Any]:
    keys, values = file.ours["layer.attention.head_dim"], file.values.get("attention.value_length")
    if values not in (None, keys):
        raise Refusal("keys and values of one width", values)
    return {}


def _without_window(config: TransformerConfig) -> str | None:
    """llama.cpp knows windows of some architectures alone, and reads over the key in the others."""
    window = min((one for one in windows_of(config) if one is not None), default=config.context_length)
    if window >= config.context_length:
        return None
    return f"llama.cpp computes it without its window of {window:,} tokens, so texts longer than that differ there"


# A transformer with equal heads, as GPT-2 and BERT are.
GGUF_BASE = Dialect(
    family="",
    constants={},
    fields={
        "context_length": "context_length",
        "d_model": "embedding_length",
        "num_layers": "block_count",
        "layer.attention.num_heads": "attention.head_count",
        "layer.feed_forward.d_ff": "feed_forward_length",
        "norm.eps": LAYER_NORM_EPS,
    },
    parts={
        "vocabulary": FamilyPart(
            lambda file: {"vocab_size": file.tensors.shape("token_embd.weight")[0]},
            lambda config: {"vocab_size": config.vocab_size},
        ),
        "head": FamilyPart(read=lambda file: {"head.tied": "output.weight" not in file.tensors}),
    },
    names={
        "embedding.token": "token_embd",
        "embedding.position": "position_embd",
        **in_blocks(
            "blk.{i}.",
            {
                "attention_norm": "attn_norm",
                "attention.query": "attn_q",
                "attention.key": "attn_k",
                "attention.value": "attn_v",
                "attention.output": "attn_output",
                "attention.query_norm": "attn_q_norm",
                "attention.key_norm": "attn_k_norm",
                "attention_output_norm": "post_attention_norm",
                "feed_forward_norm": "ffn_norm",
                "feed_forward.gate": "ffn_gate",
                "feed_forward.up": "ffn_up",
                "feed_forward.down": "ffn_down",
                "feed_forward_output_norm": "post_ffw_norm",
            },
        ),
        "norm": "output_norm",
        "head": "output",
    },
)
# A decoder of Llama's kin. Where a constant is a bias, llama.cpp opens no file that has it otherwise.
GGUF_DECODER = GGUF_BASE.but(
    "",
    constants={
        "kind": "decoder",
        "norm.kind": "rms",
        "layer.feed_forward.activation": "silu",
        "layer.feed_forward.gated": True,
        "layer.attention.output_bias": False,
        "layer.feed_forward.bias": False,
    },
    fields={
        "layer.attention.num_kv_heads": "attention.head_count_kv",
        "layer.attention.head_dim": "attention.key_length",
        "norm.eps": "attention.layer_norm_rms_epsilon",
    },
    fixed={"expert_count": 0},
    parts={
        "width": FamilyPart(_one_width, lambda config: {"attention.value_length": softmax_of(config).head_dim}),
        "rope": gguf_rope(),
        "layers": replace(one_window("attention.sliding_window"), misread=_without_window),
        "attention_bias": present({"layer.attention.bias": "blk.0.attn_q.bias"}),
    },
    leftovers=r"rope_(freqs|factors_short|factors_long)\.weight",
)
