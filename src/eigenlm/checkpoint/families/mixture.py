"""Mixtures of experts: Mixtral, Qwen 3 MoE and gpt-oss."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.dialect import Dialect, Location, refuse, softmax_of, windowed, windows_of
from eigenlm.checkpoint.families.layout import EveryOther, Rows, Stacked, Transposed
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, gguf_dialect, hugging_face_dialect, read_bias
from eigenlm.checkpoint.families.rope import read_gguf_rope
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import ConfigError, explain
from eigenlm.model import DenseFeedForward, MixtureConfig, TransformerConfig

_EXPERT = "blocks.{i}.feed_forward.experts.{e}"
_FILE_EXPERTS = "model.layers.{i}.mlp.experts"
_GATE_UP = f"{_FILE_EXPERTS}.gate_up_proj"
_ROUTERS = tuple(f"{name}.weight" for name in ("block_sparse_moe.gate", "mlp.gate", "mlp.router", "ffn_gate_inp"))
_FUSED = ("gate", "up")
# As transformers 5 holds experts in memory, and writes them with save_original_format=False.
_STACKED: dict[str, str | Location] = {
    "blocks.{i}.feed_forward.router": "model.layers.{i}.mlp.gate",
    f"{_EXPERT}.gate.weight": Location(f"{_FILE_EXPERTS}.gate_up_proj", (Stacked(), Rows("gate", _FUSED))),
    f"{_EXPERT}.up.weight": Location(f"{_FILE_EXPERTS}.gate_up_proj", (Stacked(), Rows("up", _FUSED))),
    f"{_EXPERT}.down.weight": Location(f"{_FILE_EXPERTS}.down_proj", (Stacked(),)),
}
_EQUAL_EXPERTS = {
    "layer.feed_forward.num_experts": "num_local_experts",
    "layer.feed_forward.top_k": "num_experts_per_tok",
}


def _mixture_of(config: TransformerConfig) -> MixtureConfig:
    """The first layer's mixture, among layers of which some may be dense.

    Raises:
        ConfigError: there is none.
    """
    found = (layer.feed_forward for layer in config.layers if isinstance(layer.feed_forward, MixtureConfig))
    first = next(found, None)
    if first is None:
        raise ConfigError(explain("naming a layer", expected="a mixture of experts", got="none"))
    return first


def _check_experts(family: str, count: int, tensors: TensorSource) -> int:
    """The number of experts, before so many are made.

    Raises:
        CheckpointError: no router of the file has so many rows.
    """
    rows = max((tensors.shape(name)[0] for name in tensors if name.endswith(_ROUTERS)), default=0)
    if not 0 < count <= rows:
        raise refuse(family, f"at most {rows} experts, as the router has rows", count)
    return count


def _mixture(
    base: Dialect,
    *,
    names: Mapping[str, str | Location],
    elsewhere: Mapping[str, str | Location],
    fields: Mapping[str, str],
    defaults: Mapping[str, Any],
) -> Dialect:
    """A family of Llama's kin with experts.

    Args:
        base: the family without them.
        names: where it keeps experts and routers.
        elsewhere: see `Dialect`.
        fields: see `Dialect`.
        defaults: what absent keys mean, before what they mean in the base.
    """

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        _check_experts(base.family, values["num_local_experts"], tensors)
        return base.read(values, tensors)

    return replace(
        base,
        fields=fields,
        # Files of transformers 4 call the number of experts otherwise.
        defaults=lambda values: {
            **base.defaults(values),
            **defaults,
            "num_local_experts": values.get("num_experts"),
        },
        read=read,
        names={**base.names, **names},
        elsewhere=elsewhere,
    )


_MIXTRAL = hugging_face_dialect(
    "mixtral",
    "Mixtral",
    constants={"layer.feed_forward.kind": "mixture"},
    read=lambda values: {"layers": windowed([values.get("sliding_window")])},
    write=lambda config: {"sliding_window": windows_of(config)[0]},
)
MIXTRAL = _mixture(
    _MIXTRAL,
    names={
        "blocks.{i}.feed_forward.router": "model.layers.{i}.block_sparse_moe.gate",
        f"{_EXPERT}.gate": "model.layers.{i}.block_sparse_moe.experts.{e}.w1",
        f"{_EXPERT}.up": "model.layers.{i}.block_sparse_moe.experts.{e}.w3",
        f"{_EXPERT}.down": "model.layers.{i}.block_sparse_moe.experts.{e}.w2",
    },
    elsewhere=_STACKED,
    fields={**_MIXTRAL.fields, **_EQUAL_EXPERTS},
    defaults={"rope_theta": 1e6, "num_experts_per_tok": 2},
)


def _read_qwen(values: Mapping[str, Any]) -> dict[str, Any]:
    """Experts in each layer of which no list and no step says that it is dense."""
    sparse = {
        "feed_forward.kind": "mixture",
        "feed_forward.d_ff": values["moe_intermediate_size"],
        "feed_forward.num_experts": values["num_local_experts"],
        "feed_forward.top_k": values["num_experts_per_tok"],
        "feed_forward.softmax_over": "chosen" if values["norm_topk_prob"] else "all",
    }
    dense = {"feed_forward.d_ff": values["intermediate_size"], "feed_forward.bias": False}
    step, listed = values["decoder_sparse_step"], values["mlp_only_layers"]
    window = windowed([values.get("sliding_window", 4096) if values["use_sliding_window"] else None])[0]
    layers = range(values["num_hidden_layers"])
    return {
        **read_bias(values),
        "layers": [{**window, **(dense if i in listed or (i + 1) % step else sparse)} for i in layers],
    }


def _write_qwen(config: TransformerConfig) -> dict[str, Any]:
    mixture, window = _mixture_of(config), windows_of(config)[0]
    dense = {i: f for i, layer in enumerate(config.layers) if isinstance(f := layer.feed_forward, DenseFeedForward)}
    return {
        "attention_bias": softmax_of(config).bias,
        "use_sliding_window": window is not None,
        "sliding_window": window,
        "intermediate_size": next(iter(dense.values()), mixture).d_ff,
        "moe_intermediate_size": mixture.d_ff,
        "num_experts": mixture.num_experts,
        "num_local_experts": mixture.num_experts,
        "num_experts_per_tok": mixture.top_k,
        "norm_topk_prob": mixture.softmax_over == "chosen",
        "decoder_sparse_step": 1,
        "mlp_only_layers": list(dense),
    }


_QWEN3_MOE = hugging_face_dialect(
    "qwen3_moe",
    "Qwen3Moe",
    constants={"layer.attention.query_key_norm": "head"},
    read=_read_qwen,
    write=_write_qwen,
)


QWEN3_MOE = _mixture(
    _QWEN3_MOE,
    names={
        "blocks.{i}.feed_forward.router": "model.layers.{i}.mlp.gate",
        f"{_EXPERT}.gate": f"{_FILE_EXPERTS}.{{e}}.gate_proj",
        f"{_EXPERT}.up": f"{_FILE_EXPERTS}.{{e}}.up_proj",
        f"{_EXPERT}.down": f"{_FILE_EXPERTS}.{{e}}.down_proj",
    },
    elsewhere=_STACKED,
    fields={ours: theirs for ours, theirs in _QWEN3_MOE.fields.items() if ours != "layer.feed_forward.d_ff"},
    defaults={
        "num_experts_per_tok": 8,
        "norm_topk_prob": False,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    },
)


def _read_gpt_oss(values: Mapping[str, Any]) -> dict[str, Any]:
    """A window in the layers that `layer_types` names, or in every other one from the first on."""
    window, layers = values.get("sliding_window", 128), values["num_hidden_layers"]
    kinds = values.get("layer_types") or ["full_attention" if i % 2 else "sliding_attention" for i in range(layers)]
    return {
        **read_bias(values),
        "layers": windowed([window if kind == "sliding_attention" else None for kind in kinds]),
    }


def _write_gpt_oss(config: TransformerConfig) -> dict[str, Any]:
    windows = windows_of(config)
    return {
        "attention_bias": softmax_of(config).bias,
        "sliding_window": next((one for one in windows if one is not None), None),
        "layer_types": ["full_attention" if one is None else "sliding_attention" for one in windows],
    }


_GPT_OSS_CONSTANTS = {
    "layer.attention.sinks": True,
    "layer.feed_forward.kind": "mixture",
    "layer.feed_forward.activation": "clamped_swiglu",
    "layer.feed_forward.bias": True,
    "layer.feed_forward.router_bias": True,
}
_GPT_OSS = hugging_face_dialect(
    "gpt_oss",
    "GptOss",
    constants=_GPT_OSS_CONSTANTS,
    read=_read_gpt_oss,
    write=_write_gpt_oss,
    head_dim=64,
)


GPT_OSS = replace(
    _mixture(
        _GPT_OSS,
        names={
            "blocks.{i}.attention.softmax.sinks": "model.layers.{i}.self_attn.sinks",
            "blocks.{i}.feed_forward.router": "model.layers.{i}.mlp.router",
            f"{_EXPERT}.gate.weight": Location(
                f"{_FILE_EXPERTS}.gate_up_proj", (Stacked(), Transposed(), EveryOther(0))
            ),
            f"{_EXPERT}.gate.bias": Location(f"{_FILE_EXPERTS}.gate_up_proj_bias", (Stacked(), EveryOther(0))),
            f"{_EXPERT}.up.weight": Location(_GATE_UP, (Stacked(), Transposed(), EveryOther(1))),
            f"{_EXPERT}.up.bias": Location(f"{_FILE_EXPERTS}.gate_up_proj_bias", (Stacked(), EveryOther(1))),
            f"{_EXPERT}.down.weight": Location(f"{_FILE_EXPERTS}.down_proj", (Stacked(), Transposed())),
            f"{_EXPERT}.down.bias": Location(f"{_FILE_EXPERTS}.down_proj_bias", (Stacked(),)),
        },
        elsewhere={},
        fields={**_GPT_OSS.fields, **_EQUAL_EXPERTS},
        defaults={"rope_theta": 150000.0, "attention_bias": True, "num_experts_per_tok": 4},
    ),
    fixed={**_GPT_OSS.fixed, "swiglu_alpha": 1.702, "swiglu_limit": 7.0},
)


def _gguf_mixture(base: Dialect, *, dense_too: bool, fields: Mapping[str, str]) -> Dialect:
    """An architecture of GGUF with experts, which it keeps in one tensor a branch.

    Args:
        base: the architecture without them.
        dense_too: whether a model without experts is of this architecture as well.
        fields: see `Dialect`.
    """

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        count = values.get("expert_count", 0) if dense_too else values["expert_count"]
        if dense_too and not count:
            return base.read(values, tensors)
        experts = {
            "layer.feed_forward.kind": "mixture",
            "layer.feed_forward.num_experts": _check_experts(base.family, count, tensors),
            "layer.feed_forward.top_k": values["expert_used_count"],
        }
        return {**base.read(values, tensors), **experts}

    def write(config: TransformerConfig) -> dict[str, Any]:
        said = base.write(config)
        if dense_too and isinstance(config.layers[0].feed_forward, DenseFeedForward):
            return said
        mixture = _mixture_of(config)
        return {**said, "expert_count": mixture.num_experts, "expert_used_count": mixture.top_k}

    experts = {
        f"{_EXPERT}.{branch}.{leaf}": Location(f"blk.{{i}}.ffn_{branch}_exps.{leaf}", (Stacked(),))
        for branch in ("gate", "up", "down")
        for leaf in ("weight", "bias")
    }
    names = {**base.names, "blocks.{i}.feed_forward.router": "blk.{i}.ffn_gate_inp", **experts}
    return replace(base, fields=fields, fixed={}, read=read, write=write, names=names)


GGUF_LLAMA_OR_MIXTRAL = _gguf_mixture(GGUF_LLAMA, dense_too=True, fields=GGUF_LLAMA.fields)
_GGUF_QWEN3_MOE = gguf_dialect("qwen3moe", names={}, norms=True)
GGUF_QWEN3_MOE = _gguf_mixture(
    _GGUF_QWEN3_MOE,
    dense_too=False,
    fields={**_GGUF_QWEN3_MOE.fields, "layer.feed_forward.d_ff": "expert_feed_forward_length"},
)
_GPT_OSS_BASE = gguf_dialect(
    "gpt-oss",
    names={
        "blocks.{i}.attention.softmax.sinks": "blk.{i}.attn_sinks.weight",
        "blocks.{i}.feed_forward_norm": "blk.{i}.post_attention_norm",
    },
    norms=False,
    always={"layer.attention.output_bias": True, "layer.feed_forward.bias": True, "head": {"tied": False}},
)
_GGUF_GPT_OSS = _gguf_mixture(
    replace(_GPT_OSS_BASE, constants={**_GPT_OSS_BASE.constants, **_GPT_OSS_CONSTANTS}),
    dense_too=False,
    fields={**_GPT_OSS_BASE.fields, "layer.feed_forward.d_ff": "expert_feed_forward_length"},
)


def _read_gguf_gpt_oss(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    """A window in every other layer; the bounds of YaRN are not rounded."""
    window = values.get("attention.sliding_window")
    return {
        **_GGUF_GPT_OSS.read(values, tensors),
        **read_gguf_rope(values, tensors, values["attention.key_length"], truncate=False),
        "layers": windowed([None if i % 2 else window for i in range(values["block_count"])]),
    }


GGUF_GPT_OSS = replace(_GGUF_GPT_OSS, read=_read_gguf_gpt_oss, misread=lambda config: None)
