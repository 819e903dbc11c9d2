"""Mixtures of experts: Mixtral, Qwen 3 MoE and gpt-oss."""

from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.experts import (
    EQUAL_EXPERTS,
    EXPERT,
    FILE_EXPERTS,
    IN_ONE_STACK,
    ROUTER,
    checked,
    experts_of,
    gguf_experts,
    mixture_of,
)
from eigenlm.checkpoint.dialects.gguf import GGUF_DECODER
from eigenlm.checkpoint.dialects.gguf_rope import gguf_rope
from eigenlm.checkpoint.dialects.keys import NO_BIAS
from eigenlm.checkpoint.dialects.layout import STACKED, TRANSPOSED, every_other_row
from eigenlm.checkpoint.dialects.names import Location, Names
from eigenlm.checkpoint.dialects.windows import LOCAL, by_type, every, one_window, windowed
from eigenlm.checkpoint.families.llama import GGUF_QWEN3, LLAMA
from eigenlm.model import DenseFeedForward, TransformerConfig

_SPARSE = {"layer.feed_forward.kind": "mixture"}
# Files of transformers 4 call the number of experts otherwise.
_COUNT = {"num_local_experts": lambda values: values.get("num_experts")}
MIXTRAL = LLAMA.but(
    "mixtral",
    constants={**NO_BIAS, **_SPARSE},
    defaults={**_COUNT, "rope_theta": 1e6, "num_experts_per_tok": 2},
    parts={"head": language_head("Mixtral"), "experts": EQUAL_EXPERTS, "layers": one_window()},
    names={
        ROUTER: "model.layers.{i}.block_sparse_moe.gate",
        **experts_of("w1", "w3", "w2", below="model.layers.{i}.block_sparse_moe.experts"),
    },
    elsewhere=IN_ONE_STACK,
)


def _read_qwen(file: FileReading) -> dict[str, Any]:
    """Experts in each layer of which no list and no step says that it is dense."""
    values = file.values
    sparse = {
        "feed_forward.kind": "mixture",
        "feed_forward.d_ff": values["moe_intermediate_size"],
        "feed_forward.num_experts": checked(file, values["num_local_experts"]),
        "feed_forward.top_k": values["num_experts_per_tok"],
        "feed_forward.softmax_over": "chosen" if values["norm_topk_prob"] else "all",
    }
    dense = {"feed_forward.d_ff": values["intermediate_size"]}
    step, listed = values["decoder_sparse_step"], values["mlp_only_layers"]
    layers = range(file.ours["num_layers"])
    return {"layers": [dense if i in listed or (i + 1) % step else sparse for i in layers]}


def _write_qwen(config: TransformerConfig) -> dict[str, Any]:
    mixture = mixture_of(config)
    dense = {i: f for i, layer in enumerate(config.layers) if isinstance(f := layer.feed_forward, DenseFeedForward)}
    return {
        "intermediate_size": next(iter(dense.values()), mixture).d_ff,
        "moe_intermediate_size": mixture.d_ff,
        "num_experts": mixture.num_experts,
        "num_local_experts": mixture.num_experts,
        "num_experts_per_tok": mixture.top_k,
        "norm_topk_prob": mixture.softmax_over == "chosen",
        "mlp_only_layers": list(dense),
    }


QWEN3_MOE = LLAMA.but(
    "qwen3_moe",
    constants={"layer.attention.query_key_norm": "head", "layer.feed_forward.bias": False},
    fields={"layer.feed_forward.d_ff": ...},
    defaults={
        **_COUNT,
        "num_experts_per_tok": 8,
        "norm_topk_prob": False,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    },
    absent={"sliding_window": 4096},
    written={"decoder_sparse_step": 1},
    parts={
        "head": language_head("Qwen3Moe"),
        "layers": one_window(switch="use_sliding_window"),
        "feed_forward": FamilyPart(_read_qwen, _write_qwen),
    },
    names={
        ROUTER: "model.layers.{i}.mlp.gate",
        **experts_of("gate_proj", "up_proj", "down_proj", below=FILE_EXPERTS),
    },
    elsewhere=IN_ONE_STACK,
)

_CLAMPED = {
    **_SPARSE,
    "layer.attention.sinks": True,
    "layer.feed_forward.activation": "clamped_swiglu",
    "layer.feed_forward.bias": True,
    "layer.feed_forward.router_bias": True,
}


def _interleaved(branch: str, row: int) -> Names:
    """A branch whose rows are every other one of a stack of both."""
    stack, rows = f"{FILE_EXPERTS}.gate_up_proj", every_other_row(row)
    return {
        f"{EXPERT}.{branch}.weight": Location(stack, (STACKED, TRANSPOSED, rows)),
        f"{EXPERT}.{branch}.bias": Location(f"{stack}_bias", (STACKED, rows)),
    }


GPT_OSS = LLAMA.but(
    "gpt_oss",
    constants=_CLAMPED,
    fields={"layer.feed_forward.activation": ...},
    fixed={"hidden_act": "silu", "swiglu_alpha": 1.702, "swiglu_limit": 7.0},
    defaults={**_COUNT, "head_dim": 64, "rope_theta": 150000.0, "attention_bias": True, "num_experts_per_tok": 4},
    absent={"sliding_window": 128},
    parts={"head": language_head("GptOss"), "experts": EQUAL_EXPERTS, "layers": by_type(every(2))},
    names={
        "blocks.{i}.attention.softmax.sinks": "model.layers.{i}.self_attn.sinks",
        ROUTER: "model.layers.{i}.mlp.router",
        **_interleaved("gate", 0),
        **_interleaved("up", 1),
        f"{EXPERT}.down.weight": Location(f"{FILE_EXPERTS}.down_proj", (STACKED, TRANSPOSED)),
        f"{EXPERT}.down.bias": Location(f"{FILE_EXPERTS}.down_proj_bias", (STACKED,)),
    },
)

_GGUF_EXPERTS = {
    "fields": {"layer.feed_forward.d_ff": "expert_feed_forward_length"},
    "fixed": {"expert_count": ...},
}
GGUF_QWEN3_MOE = GGUF_QWEN3.but("qwen3moe", **_GGUF_EXPERTS, parts={"experts": gguf_experts()})


def _every_other_window(file: FileReading) -> dict[str, Any]:
    window = file.values.get("attention.sliding_window")
    return windowed([window if kind == LOCAL else None for kind in every(2)(file)])


GGUF_GPT_OSS = GGUF_DECODER.but(
    "gpt-oss",
    **_GGUF_EXPERTS,
    constants={**_CLAMPED, "layer.attention.output_bias": True, "head.tied": False},
    parts={
        "rope": gguf_rope(truncate=False),  # the bounds of YaRN are not rounded
        "layers": replace(one_window("attention.sliding_window"), read=_every_other_window),
        "experts": gguf_experts(),
    },
    names={
        "blocks.{i}.attention.softmax.sinks": "blk.{i}.attn_sinks.weight",
        "blocks.{i}.feed_forward_norm": "blk.{i}.post_attention_norm",
    },
)
HUGGING_FACE = (GPT_OSS, MIXTRAL, QWEN3_MOE)
GGUF = (GGUF_GPT_OSS, GGUF_QWEN3_MOE)
