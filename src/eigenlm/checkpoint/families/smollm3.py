"""SmolLM3: a Llama that does not turn queries and keys in every fourth layer (arXiv:2501.18795)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eigenlm.attention import SoftmaxConfig
from eigenlm.checkpoint.families.dialect import Dialect, dense_of, softmax_of, windowed, windows_of
from eigenlm.checkpoint.families.layer_types import FULL, LOCAL, read_types, read_windows, write_windows
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, gguf_dialect, hugging_face_dialect, read_bias
from eigenlm.checkpoint.families.rope import FACTORS, ROTARY
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig


def _all_but_every(n: int, num_layers: int) -> list[int]:
    return [int((i + 1) % n != 0) for i in range(num_layers)]


def _turned(layers: Sequence[dict[str, Any]], turns: Sequence[int]) -> list[dict[str, Any]]:
    """Own fields of each layer, and no rotation where it does not turn."""
    return [own if turn else {**own, ROTARY.removeprefix("layer."): None} for own, turn in zip(layers, turns)]


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    interval, num_layers = values.get("no_rope_layer_interval", 4), values["num_hidden_layers"]
    turns = values.get("no_rope_layers") or _all_but_every(interval, num_layers)  # 1 where there is a rotation
    has_window = values["use_sliding_window"] and values.get("sliding_window") is not None
    types = read_types(values, [FULL if turn or not has_window else LOCAL for turn in turns])
    return {
        **read_bias(values),
        "layer.feed_forward.bias": values["mlp_bias"],
        "layers": _turned(read_windows(values, types), turns),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    attentions = [layer.attention for layer in config.layers]
    return {
        "attention_bias": softmax_of(config).bias,
        "mlp_bias": dense_of(config).bias,
        "no_rope_layers": [int(isinstance(one, SoftmaxConfig) and one.rotary is not None) for one in attentions],
        "use_sliding_window": any(window is not None for window in windows_of(config)),
        **write_windows(config),
    }


def _with_defaults(dialect: Dialect, **absent: Any) -> Dialect:
    return replace(dialect, defaults=lambda values: {**dialect.defaults(values), **absent})


SMOLLM3 = _with_defaults(
    hugging_face_dialect("smollm3", "SmolLM3", constants={}, read=_read, write=_write),
    rope_theta=2e6,
    tie_word_embeddings=True,
)


def _gguf_smollm3() -> Dialect:
    names = {ours: theirs for ours, theirs in GGUF_LLAMA.names.items() if ours != FACTORS}
    dialect = gguf_dialect("smollm3", names=names, norms=False)

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        turns = _all_but_every(4, values["block_count"])
        return {
            **dialect.read(values, tensors),
            "layers": _turned(windowed([None] * len(turns)), turns),
        }

    return replace(dialect, read=read)


GGUF_SMOLLM3 = _gguf_smollm3()
