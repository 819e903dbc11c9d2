"""OLMo 2 (arXiv:2501.00656) and OLMo 3: norms after each part alone, and on all heads of queries and of keys.

OLMo 3 adds windows in three of four layers, which are turned without the stretching of the others.
"""

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.gguf import GGUF_DECODER
from eigenlm.checkpoint.dialects.gguf_rope import gguf_by_type
from eigenlm.checkpoint.dialects.keys import NO_BIAS
from eigenlm.checkpoint.dialects.layers import HEADS_OF_THE_STREAM
from eigenlm.checkpoint.dialects.names import in_blocks
from eigenlm.checkpoint.dialects.rope import ropes_by_type
from eigenlm.checkpoint.dialects.windows import FULL, LOCAL, by_type, every
from eigenlm.checkpoint.families.llama import LLAMA

_CONSTANTS = {
    "layer.norm_position": "output",
    "layer.attention.query_key_norm": "all",
    "layer.feed_forward.bias": False,
}
OLMO2 = LLAMA.but(
    "olmo2",
    constants=_CONSTANTS,
    parts={"head": language_head("Olmo2")},
    names=in_blocks(
        "model.layers.{i}.",
        {
            "attention_output_norm": "post_attention_layernorm",
            "feed_forward_output_norm": "post_feedforward_layernorm",
        },
    ),
)
OLMO3 = OLMO2.but(
    "olmo3",
    absent={"sliding_window": 4096},
    parts={
        "head": language_head("Olmo3"),
        "rope": ropes_by_type(every(4), {FULL: ("rope_theta", 5e5), LOCAL: ("rope_theta", 5e5)}),
        "layers": by_type(every(4)),
    },
)
GGUF_OLMO2 = GGUF_DECODER.but(
    "olmo2",
    constants={**_CONSTANTS, **NO_BIAS, "head.tied": False},
    parts={
        "heads": HEADS_OF_THE_STREAM,
        "layers": gguf_by_type(4, lambda values, full: {**full, "frequency_factors": None}),
    },
)
HUGGING_FACE = (OLMO2, OLMO3)
GGUF = (GGUF_OLMO2,)
