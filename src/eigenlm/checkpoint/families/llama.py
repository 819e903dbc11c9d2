"""Llama and its kin: SmolLM2, Mistral, Qwen 2 and Qwen 3."""

from collections.abc import Callable, Mapping
from typing import Any

from eigenlm.checkpoint.families.dialect import (
    Dialect,
    Location,
    dense_of,
    is_tied,
    refuse,
    softmax_of,
    windowed,
    windows_of,
)
from eigenlm.checkpoint.families.layout import Pairs
from eigenlm.checkpoint.families.rope import (
    FACTORS,
    ROPE_TENSOR,
    read_gguf_rope,
    read_hugging_face_rope,
    write_gguf_rope,
    write_hugging_face_rope,
)
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_CONSTANTS = {
    "kind": "decoder",
    "norm.kind": "rms",
    "layer.feed_forward.activation": "silu",
    "layer.feed_forward.gated": True,
}
_HUGGING_FACE_FIELDS = {
    "vocab_size": "vocab_size",
    "context_length": "max_position_embeddings",
    "d_model": "hidden_size",
    "num_layers": "num_hidden_layers",
    "layer.attention.num_heads": "num_attention_heads",
    "layer.attention.num_kv_heads": "num_key_value_heads",
    "layer.attention.head_dim": "head_dim",
    "layer.feed_forward.d_ff": "intermediate_size",
    "norm.eps": "rms_norm_eps",
}
_HUGGING_FACE_NAMES = {
    "embedding.token": "model.embed_tokens",
    "blocks.{i}.attention_norm": "model.layers.{i}.input_layernorm",
    "blocks.{i}.attention.query": "model.layers.{i}.self_attn.q_proj",
    "blocks.{i}.attention.key": "model.layers.{i}.self_attn.k_proj",
    "blocks.{i}.attention.value": "model.layers.{i}.self_attn.v_proj",
    "blocks.{i}.attention.output": "model.layers.{i}.self_attn.o_proj",
    "blocks.{i}.attention.query_norm": "model.layers.{i}.self_attn.q_norm",
    "blocks.{i}.attention.key_norm": "model.layers.{i}.self_attn.k_norm",
    "blocks.{i}.feed_forward_norm": "model.layers.{i}.post_attention_layernorm",
    "blocks.{i}.feed_forward.gate": "model.layers.{i}.mlp.gate_proj",
    "blocks.{i}.feed_forward.up": "model.layers.{i}.mlp.up_proj",
    "blocks.{i}.feed_forward.down": "model.layers.{i}.mlp.down_proj",
    "norm": "model.norm",
    "head": "lm_head",
}
_GGUF_FIELDS = {
    "vocab_size": "vocab_size",
    "context_length": "context_length",
    "d_model": "embedding_length",
    "num_layers": "block_count",
    "layer.attention.num_heads": "attention.head_count",
    "layer.attention.num_kv_heads": "attention.head_count_kv",
    "layer.attention.head_dim": "attention.key_length",
    "layer.feed_forward.d_ff": "feed_forward_length",
    "norm.eps": "attention.layer_norm_rms_epsilon",
}
_GGUF_NAMES = {
    "embedding.token": "token_embd",
    "blocks.{i}.attention_norm": "blk.{i}.attn_norm",
    "blocks.{i}.attention.query": "blk.{i}.attn_q",
    "blocks.{i}.attention.key": "blk.{i}.attn_k",
    "blocks.{i}.attention.value": "blk.{i}.attn_v",
    "blocks.{i}.attention.output": "blk.{i}.attn_output",
    "blocks.{i}.attention.query_norm": "blk.{i}.attn_q_norm",
    "blocks.{i}.attention.key_norm": "blk.{i}.attn_k_norm",
    "blocks.{i}.feed_forward_norm": "blk.{i}.ffn_norm",
    "blocks.{i}.feed_forward.gate": "blk.{i}.ffn_gate",
    "blocks.{i}.feed_forward.up": "blk.{i}.ffn_up",
    "blocks.{i}.feed_forward.down": "blk.{i}.ffn_down",
    "norm": "output_norm",
    "head": "output",
}
UNBIASED = {"layer.attention.output_bias": False, "layer.feed_forward.bias": False}
_LLAMA_GGUF_NAMES = {
    FACTORS: Location(ROPE_TENSOR),
    "blocks.{i}.attention.query": Location("blk.{i}.attn_q", (Pairs(),)),
    "blocks.{i}.attention.key": Location("blk.{i}.attn_k", (Pairs(),)),
}


def hugging_face_dialect(
    family: str,
    class_name: str,
    *,
    constants: Mapping[str, Any],
    read: Callable[[Mapping[str, Any]], dict[str, Any]],
    write: Callable[[TransformerConfig], dict[str, Any]],
    head_dim: int | None = None,
    turned: float | None = None,
) -> Dialect:
    """One of the families in Hugging Face's format; they differ in biases, window and query/key norm.

    Args:
        family: `model_type` in config.json.
        class_name: what its classes begin with, such as `Llama`.
        constants: our fields that have one value in the whole family.
        read: our fields that the family says in its own way.
        write: the values with which it says them.
        head_dim: what an absent `head_dim` means; None for hidden_size / num_attention_heads.
        turned: what an absent `partial_rotary_factor` means; None where all of a head is turned.
    """

    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        heads = values.get("num_attention_heads")
        width = head_dim if head_dim is not None else values.get("hidden_size", 0) // max(heads or 1, 1)
        off = dict.fromkeys(("tie_word_embeddings", "attention_bias", "mlp_bias", "use_sliding_window"), False)
        return {"num_key_value_heads": heads, "head_dim": width, "partial_rotary_factor": turned, **off}

    def read_all(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        rope = read_hugging_face_rope(values, values["head_dim"], partial=turned is not None)
        return {**rope, **read_head(values), **read(values)}

    def write_all(config: TransformerConfig) -> dict[str, Any]:
        architecture = f"{class_name}{'ForCausalLM' if config.head is not None else 'Model'}"
        said = {"architectures": [architecture], "model_type": family, "tie_word_embeddings": is_tied(config)}
        rope = write_hugging_face_rope(config, softmax_of(config).head_dim, partial=turned is not None)
        return {**said, **rope, **write(config)}

    return Dialect(
        family=family,
        constants={**_CONSTANTS, **constants},
        fields=_HUGGING_FACE_FIELDS,
        fixed={"hidden_act": "silu"},
        defaults=defaults,
        read=read_all,
        write=write_all,
        names=_HUGGING_FACE_NAMES,
        prefix="model.",
        twins={"lm_head.weight": "model.embed_tokens.weight"},
        leftovers=r"(model\.)?layers\.\d+\.self_attn\.rotary_emb\.inv_freq",
    )


def read_head(values: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The head that the class in `architectures` has, with more fields of it."""
    architectures = values.get("architectures") or ["ForCausalLM"]
    if architectures[0].endswith("ForCausalLM"):
        return {"head": {"tied": values["tie_word_embeddings"], **more}}
    if architectures[0].endswith("Model"):
        return {"head": None}
    raise refuse(values["model_type"], "a causal language model or the model below it", architectures[0])


def _read_qwen_window(values: Mapping[str, Any]) -> dict[str, Any]:
    """A window for the layers that `layer_types` names, or for those from `max_window_layers` on."""
    window = values.get("sliding_window", 4096)
    if window is None or not values["use_sliding_window"]:
        return {}
    first, layers = values.get("max_window_layers", 28), values["num_hidden_layers"]
    kinds = values.get("layer_types") or ["full_attention" if i < first else "sliding_attention" for i in range(layers)]
    return {"layers": windowed([window if kind == "sliding_attention" else None for kind in kinds])}


def _write_qwen_window(config: TransformerConfig) -> dict[str, Any]:
    windows = windows_of(config)
    window = next((one for one in windows if one is not None), None)
    return {
        "use_sliding_window": window is not None,
        "sliding_window": window,
        "max_window_layers": sum(one is None for one in windows),
        "layer_types": ["full_attention" if one is None else "sliding_attention" for one in windows],
    }


def read_bias(values: Mapping[str, Any]) -> dict[str, Any]:
    """One switch for the biases of query, key, value and output."""
    biased = values["attention_bias"]
    return {"layer.attention.bias": biased, "layer.attention.output_bias": biased}


def _read_llama(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**read_bias(values), "layer.feed_forward.bias": values["mlp_bias"]}


LLAMA = hugging_face_dialect(
    "llama",
    "Llama",
    constants={},
    read=_read_llama,
    write=lambda config: {"attention_bias": softmax_of(config).bias, "mlp_bias": dense_of(config).bias},
)
MISTRAL = hugging_face_dialect(
    "mistral",
    "Mistral",
    constants={"layer.feed_forward.bias": False},
    read=lambda values: {"layers": windowed([values.get("sliding_window", 4096)])},
    write=lambda config: {"sliding_window": windows_of(config)[0]},
)
QWEN2 = hugging_face_dialect(
    "qwen2",
    "Qwen2",
    constants={
        "layer.attention.bias": True,
        "layer.attention.output_bias": False,
        "layer.feed_forward.bias": False,
    },
    read=_read_qwen_window,
    write=_write_qwen_window,
)
QWEN3 = hugging_face_dialect(
    "qwen3",
    "Qwen3",
    constants={"layer.attention.query_key_norm": "head", "layer.feed_forward.bias": False},
    read=lambda values: {**read_bias(values), **_read_qwen_window(values)},
    write=lambda config: {"attention_bias": softmax_of(config).bias, **_write_qwen_window(config)},
    head_dim=128,
)


def gguf_dialect(
    architecture: str,
    *,
    names: Mapping[str, str | Location],
    norms: bool,
    always: Mapping[str, Any] = UNBIASED,
    whole_heads: bool = True,
    shared_width: bool = False,
) -> Dialect:
    """One of the architectures in GGUF, as far as llama.cpp computes it; keys come without the architecture's name.

    Args:
        architecture: `general.architecture`.
        names: where it keeps tensors, if not as the table says.
        norms: whether queries and keys are normed.
        always: fields of ours that have one value in every file that llama.cpp opens.
        whole_heads: whether all of a head is turned.
        shared_width: whether heads share the width of the stream among them.
    """

    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        heads = values.get("attention.head_count", 0)
        width = values.get("embedding_length", 0) // heads if isinstance(heads, int) and heads > 0 else 0
        return {"attention.head_count_kv": heads, "attention.key_length": width}

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        _check_heads(architecture, values, whole_heads, shared_width)
        return {
            **read_gguf_rope(values, tensors, values["attention.key_length"]),
            "vocab_size": tensors.shape("token_embd.weight")[0],
            "head": {"tied": "output.weight" not in tensors},
            "layer.attention.bias": "blk.0.attn_q.bias" in tensors,
            "layer.attention.output_bias": "blk.0.attn_output.bias" in tensors,
            "layers": windowed([values.get("attention.sliding_window")]),
            "layer.feed_forward.bias": "blk.0.ffn_gate.bias" in tensors,
            **always,
        }

    def write(config: TransformerConfig) -> dict[str, Any]:
        head_dim, window = softmax_of(config).head_dim, windows_of(config)[0]
        return {
            "attention.value_length": head_dim,
            **({} if window is None else {"attention.sliding_window": window}),
            **write_gguf_rope(config, head_dim, names),
        }

    return Dialect(
        family=architecture,
        constants={**_CONSTANTS, "layer.attention.query_key_norm": "head" if norms else None},
        fields=_GGUF_FIELDS,
        fixed={"expert_count": 0},
        defaults=defaults,
        read=read,
        write=write,
        names={**_GGUF_NAMES, **names},
        leftovers=r"rope_freqs\.weight",
        misread=_without_window,
    )


def _check_heads(architecture: str, values: Mapping[str, Any], whole: bool, shared: bool) -> None:
    """Refuse heads that llama.cpp does not compute in an architecture; see `gguf_dialect`."""
    width, D = values["attention.key_length"], values["embedding_length"]
    if values.get("attention.value_length", width) != width:
        raise refuse(architecture, "keys and values of one width", values["attention.value_length"])
    if whole and values.get("rope.dimension_count", width) != width:
        raise refuse(architecture, "all of a head turned", values["rope.dimension_count"])
    if shared and width * values["attention.head_count"] != D:
        raise refuse(architecture, f"heads of {D} numbers together", width * values["attention.head_count"])


def _without_window(config: TransformerConfig) -> str | None:
    """llama.cpp knows windows of some architectures alone, and reads over the key in the others."""
    window = min((one for one in windows_of(config) if one is not None), default=config.context_length)
    if window >= config.context_length:
        return None
    return f"llama.cpp computes it without its window of {window:,} tokens, so texts longer than that differ there"


GGUF_LLAMA = gguf_dialect("llama", names=_LLAMA_GGUF_NAMES, norms=False, always={})
GGUF_QWEN2 = gguf_dialect("qwen2", names={}, norms=False, shared_width=True)
GGUF_QWEN3 = gguf_dialect("qwen3", names={}, norms=True)
