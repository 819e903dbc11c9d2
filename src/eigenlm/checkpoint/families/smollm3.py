"""SmolLM3: a Llama that does not turn queries and keys in every fourth layer (arXiv:2501.18795)."""

from collections.abc import Sequence
from typing import Any

from eigenlm.attention import SoftmaxConfig
from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.gguf_rope import gguf_rope
from eigenlm.checkpoint.dialects.windows import FULL, LOCAL, by_type, first_window
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, LLAMA
from eigenlm.model import TransformerConfig


def _turns(file: FileReading) -> list[int]:
    """For each layer 1 where there is a rotation, else 0."""
    interval = file.values.get("no_rope_layer_interval", 4)
    return file.values.get("no_rope_layers") or [int((i + 1) % interval != 0) for i in range(file.ours["num_layers"])]


def _unturned(turns: Sequence[int]) -> dict[str, Any]:
    return {"layers": [{} if turn else {"attention.rotary": None} for turn in turns]}


def _write(config: TransformerConfig) -> dict[str, Any]:
    attentions = [layer.attention for layer in config.layers]
    turns = [int(isinstance(one, SoftmaxConfig) and one.rotary is not None) for one in attentions]
    return {"no_rope_layers": turns, "use_sliding_window": first_window(config) is not None}


def _types(file: FileReading) -> list[str]:
    """A window where there is no rotation."""
    values = file.values
    has_window = values["use_sliding_window"] and values["sliding_window"] is not None
    return [FULL if turn or not has_window else LOCAL for turn in _turns(file)]


SMOLLM3 = LLAMA.but(
    "smollm3",
    defaults={"rope_theta": 2e6, "tie_word_embeddings": True},
    absent={"sliding_window": 4096},
    parts={
        "head": language_head("SmolLM3"),
        "layers": by_type(_types),
        "turns": FamilyPart(lambda file: _unturned(_turns(file)), _write),
    },
)
GGUF_SMOLLM3 = GGUF_LLAMA.but(
    "smollm3",
    constants={"layer.attention.output_bias": False, "layer.feed_forward.bias": False},
    fixed={"expert_count": 0},
    parts={
        "rope": gguf_rope(),
        "layers": FamilyPart(),
        "turns": FamilyPart(lambda file: _unturned(_turns(file))),
        "experts": ...,
    },
)
HUGGING_FACE = (SMOLLM3,)
GGUF = (GGUF_SMOLLM3,)
