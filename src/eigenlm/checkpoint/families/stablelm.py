"""StableLM: Llama with layer norms, a part of each head turned, and the parts of a layer beside each other in some."""

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import FamilyPart
from eigenlm.checkpoint.dialects.gguf import GGUF_DECODER, LAYER_NORM_EPS
from eigenlm.checkpoint.dialects.gguf_rope import gguf_rope
from eigenlm.checkpoint.dialects.keys import choice
from eigenlm.checkpoint.dialects.layers import HEADS_OF_THE_STREAM
from eigenlm.checkpoint.dialects.rope import rope
from eigenlm.checkpoint.families.llama import LLAMA

_CONSTANTS = {"norm.kind": "layer", "layer.attention.output_bias": False, "layer.feed_forward.bias": False}
STABLELM = LLAMA.but(
    "stablelm",
    constants=_CONSTANTS,
    fields={
        "norm.eps": "layer_norm_eps",
        "dropout": "hidden_dropout",
        "layer.attention.bias": "use_qkv_bias",
        "layer.parallel": choice("use_parallel_residual", {True: "one_norm", False: None}),
    },
    fixed={"qk_layernorm": False},
    defaults={
        "hidden_dropout": 0.0,
        "partial_rotary_factor": 0.25,
        "use_qkv_bias": False,
        "use_parallel_residual": False,
    },
    parts={"head": language_head("StableLm"), "rope": rope(partial=True), "heads": HEADS_OF_THE_STREAM},
)


GGUF_STABLELM = GGUF_DECODER.but(
    "stablelm",
    constants={**_CONSTANTS, "head.tied": False},  # llama.cpp requires the head
    fields={"norm.eps": LAYER_NORM_EPS},
    parts={
        "heads": HEADS_OF_THE_STREAM,
        "rope": gguf_rope(partial=True),
        # Whether the parts are beside each other is said by the norm that is not there.
        "parallel": FamilyPart(
            lambda file: {"layer.parallel": None if "blk.0.ffn_norm.weight" in file.tensors else "one_norm"},
            lambda config: {"use_parallel_residual": config.layers[0].parallel is not None},
        ),
    },
)
HUGGING_FACE = (STABLELM,)
GGUF = (GGUF_STABLELM,)
