"""Llama and its kin: SmolLM2, Mistral, Qwen 2 and Qwen 3."""

from typing import Any

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.experts import gguf_experts
from eigenlm.checkpoint.dialects.gguf import GGUF_DECODER, present
from eigenlm.checkpoint.dialects.gguf_rope import ONE_TABLE, gguf_rope
from eigenlm.checkpoint.dialects.keys import NO_BIAS, SIZES, biases, choice
from eigenlm.checkpoint.dialects.layers import HEADS_OF_THE_STREAM
from eigenlm.checkpoint.dialects.layout import PAIRS
from eigenlm.checkpoint.dialects.names import Location, in_blocks
from eigenlm.checkpoint.dialects.rope import rope
from eigenlm.checkpoint.dialects.windows import FULL, LOCAL, by_type, first_window, one_window, windows_of
from eigenlm.model import TransformerConfig

LLAMA = Dialect(
    family="llama",
    constants={"kind": "decoder", "norm.kind": "rms", "layer.feed_forward.gated": True},
    fields={
        **SIZES,
        "layer.attention.num_kv_heads": "num_key_value_heads",
        "layer.attention.head_dim": "head_dim",
        "layer.attention.bias": "attention_bias",
        "layer.attention.output_bias": "attention_bias",
        "layer.feed_forward.activation": choice("hidden_act", {"silu": "silu"}),
        "layer.feed_forward.bias": "mlp_bias",
        "norm.eps": "rms_norm_eps",
    },
    defaults={
        "hidden_act": "silu",
        **dict.fromkeys(("tie_word_embeddings", "attention_bias", "mlp_bias", "use_sliding_window"), False),
    },
    parts={"head": language_head("Llama"), "rope": rope()},
    names={
        "embedding.token": "model.embed_tokens",
        **in_blocks(
            "model.layers.{i}.",
            {
                "attention_norm": "input_layernorm",
                "attention.query": "self_attn.q_proj",
                "attention.key": "self_attn.k_proj",
                "attention.value": "self_attn.v_proj",
                "attention.output": "self_attn.o_proj",
                "attention.query_norm": "self_attn.q_norm",
                "attention.key_norm": "self_attn.k_norm",
                "feed_forward_norm": "post_attention_layernorm",
                "feed_forward.gate": "mlp.gate_proj",
                "feed_forward.up": "mlp.up_proj",
                "feed_forward.down": "mlp.down_proj",
            },
        ),
        "norm": "model.norm",
        "head": "lm_head",
    },
    prefix="model.",
    twins={"lm_head.weight": "model.embed_tokens.weight"},
    leftovers=r"(model\.)?layers\.\d+\.self_attn\.rotary_emb\.inv_freq",
)


MISTRAL = LLAMA.but(
    "mistral",
    constants=NO_BIAS,
    absent={"sliding_window": 4096},
    parts={"head": language_head("Mistral"), "layers": one_window()},
)


def _from_some_layer_on(file: FileReading) -> list[str]:
    first = file.values.get("max_window_layers", 28)
    return [FULL if i < first else LOCAL for i in range(file.ours["num_layers"])]


def _write_qwen_windows(config: TransformerConfig) -> dict[str, Any]:
    window = first_window(config)
    without = sum(one is None for one in windows_of(config))
    return {"use_sliding_window": window is not None, "sliding_window": window, "max_window_layers": without}


QWEN2 = LLAMA.but(
    "qwen2",
    constants=biases(True, False, False),
    absent={"sliding_window": 4096},
    parts={
        "head": language_head("Qwen2"),
        "layers": by_type(_from_some_layer_on, when=lambda values: values["use_sliding_window"]),
        "windows": FamilyPart(write=_write_qwen_windows),
    },
)
QWEN3 = QWEN2.but(
    "qwen3",
    constants={
        "layer.attention.bias": ...,
        "layer.attention.output_bias": ...,
        "layer.attention.query_key_norm": "head",
    },
    defaults={"head_dim": 128},
    parts={"head": language_head("Qwen3")},
)

_SOMETIMES_BIASED = {
    "layer.attention.output_bias": "blk.0.attn_output.bias",
    "layer.feed_forward.bias": "blk.0.ffn_gate.bias",
}
GGUF_LLAMA = GGUF_DECODER.but(
    "llama",
    constants={"layer.attention.query_key_norm": None, **dict.fromkeys(_SOMETIMES_BIASED, ...)},
    fixed={"expert_count": ...},
    parts={
        "rope": gguf_rope(ONE_TABLE),
        "experts": gguf_experts(dense_too=True),
        "biases": present(_SOMETIMES_BIASED),
    },
    names={
        "blocks.{i}.attention.query": Location("blk.{i}.attn_q", (PAIRS,)),
        "blocks.{i}.attention.key": Location("blk.{i}.attn_k", (PAIRS,)),
    },
)
GGUF_QWEN2 = GGUF_DECODER.but("qwen2", parts={"heads": HEADS_OF_THE_STREAM})
GGUF_QWEN3 = GGUF_DECODER.but("qwen3", constants={"layer.attention.query_key_norm": "head"})
HUGGING_FACE = (LLAMA, MISTRAL, QWEN2, QWEN3)
GGUF = (GGUF_LLAMA, GGUF_QWEN2, GGUF_QWEN3)
