"""StarCoder 2: layer norms, biases, a window, and a feed-forward without a gate."""

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.gguf import GGUF_DECODER, LAYER_NORM_EPS
from eigenlm.checkpoint.dialects.keys import activation
from eigenlm.checkpoint.dialects.layers import HEADS_OF_THE_STREAM
from eigenlm.checkpoint.dialects.names import in_blocks
from eigenlm.checkpoint.dialects.windows import one_window
from eigenlm.checkpoint.families.llama import LLAMA

_CONSTANTS = {"norm.kind": "layer", "layer.feed_forward.gated": False}
STARCODER2 = LLAMA.but(
    "starcoder2",
    constants=_CONSTANTS,
    fields={
        "norm.eps": "norm_epsilon",
        "dropout": "residual_dropout",
        "layer.attention.bias": "use_bias",
        "layer.attention.output_bias": "use_bias",
        "layer.feed_forward.bias": "use_bias",
        "layer.feed_forward.activation": activation("hidden_act"),
    },
    defaults={
        "hidden_act": "gelu_pytorch_tanh",
        "norm_epsilon": 1e-5,
        "residual_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_bias": True,
    },
    parts={"head": language_head("Starcoder2"), "layers": one_window()},
    names=in_blocks("model.layers.{i}.mlp.", {"feed_forward.up": "c_fc", "feed_forward.down": "c_proj"}),
)
GGUF_STARCODER2 = GGUF_DECODER.but(
    "starcoder2",
    constants={
        **_CONSTANTS,
        "layer.feed_forward.activation": "gelu_tanh",
        "layer.attention.output_bias": True,
        "layer.feed_forward.bias": True,
    },
    fields={"norm.eps": LAYER_NORM_EPS},
    parts={"heads": HEADS_OF_THE_STREAM},
)
HUGGING_FACE = (STARCODER2,)
GGUF = (GGUF_STARCODER2,)
