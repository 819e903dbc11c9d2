"""BART and its kin, mBART, Marian and Pegasus: encoder-decoders with biases and one table of tokens."""

from typing import Any

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.encoder_decoder import attentions, both_stacks
from eigenlm.checkpoint.dialects.keys import Refusal, activation
from eigenlm.checkpoint.dialects.layout import ONE_ROW
from eigenlm.checkpoint.dialects.names import Location, below
from eigenlm.model import TransformerConfig

_ATTENTION = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}
_LAYER = {
    **below("attention.", "self_attn.", _ATTENTION),
    "attention_norm": "self_attn_layer_norm",
    "feed_forward.up": "fc1",
    "feed_forward.down": "fc2",
    "feed_forward_norm": "final_layer_norm",
}


def _read_embedding(file: FileReading) -> dict[str, Any]:
    values = file.values
    if values.get("decoder_vocab_size") not in (None, values["vocab_size"]):
        raise Refusal("one vocabulary for both stacks", f"decoder_vocab_size {values['decoder_vocab_size']}")
    return {"embedding.scale": values["d_model"] ** 0.5 if values["scale_embedding"] else 1.0}


def _write_embedding(config: TransformerConfig) -> dict[str, Any]:
    return {"scale_embedding": config.embedding.scale != 1.0}


def _head(class_name: str, ending: str = "ForConditionalGeneration") -> FamilyPart:
    return language_head(class_name, ending, fields=lambda file: {"head.bias": "final_logits_bias" in file.tensors})


# Places of BART and mBART: two tables, each two rows longer than the context, and a norm after each.
_LEARNED = {"positions.kind": "learned", "positions.offset": 2, "embedding.apart": True, "embedding.norm": True}
_SINUSOIDAL = {**dict.fromkeys(_LEARNED, ...), "positions.kind": "sinusoidal", "positions.interleaved": False}
_POST = {**both_stacks({"norm_position": "post"}), "final_norm": False}
_PRE = {**both_stacks({"norm_position": "pre"}), "final_norm": True}

BART = Dialect(
    family="bart",
    constants={
        "kind": "encoder_decoder",
        "norm.kind": "layer",
        "norm.eps": 1e-5,
        **attentions({"bias": True, "output_bias": True}),
        **_LEARNED,
        **_POST,
    },
    fields={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "d_model",
        "num_layers": "decoder_layers",
        "num_encoder_layers": "encoder_layers",
        "layer.attention.num_heads": "decoder_attention_heads",
        "layer.cross_attention.num_heads": "decoder_attention_heads",
        "encoder_layer.attention.num_heads": "encoder_attention_heads",
        "layer.feed_forward.d_ff": "decoder_ffn_dim",
        "encoder_layer.feed_forward.d_ff": "encoder_ffn_dim",
        **both_stacks({"feed_forward.activation": activation("activation_function")}),
        "dropout": "dropout",
    },
    fixed={"tie_word_embeddings": True, "share_encoder_decoder_embeddings": True},
    defaults={"activation_function": "gelu", "scale_embedding": False, "dropout": 0.1},
    written={"is_encoder_decoder": True, "attention_dropout": 0.0},
    parts={"head": _head("Bart"), "embedding": FamilyPart(_read_embedding, _write_embedding)},
    names={
        "embedding.token": "model.shared",
        "embedding.position": "model.decoder.embed_positions",
        "embedding.norm": "model.decoder.layernorm_embedding",
        "encoder_embedding.position": "model.encoder.embed_positions",
        "encoder_embedding.norm": "model.encoder.layernorm_embedding",
        **below("encoder.{i}.", "model.encoder.layers.{i}.", _LAYER),
        **below("blocks.{i}.", "model.decoder.layers.{i}.", _LAYER),
        **below("blocks.{i}.cross_attention.", "model.decoder.layers.{i}.encoder_attn.", _ATTENTION),
        "blocks.{i}.cross_attention_norm": "model.decoder.layers.{i}.encoder_attn_layer_norm",
        "encoder_norm": "model.encoder.layer_norm",
        "norm": "model.decoder.layer_norm",
        "head.bias": Location("final_logits_bias", (ONE_ROW,)),
    },
    prefix="model.",
    twins=dict.fromkeys(
        ("lm_head.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"),
        "model.shared.weight",
    ),
    leftovers=r"(model\.)?(encoder|decoder)\.(version|embed_positions\.weight)",
)
MBART = BART.but("mbart", constants=_PRE, parts={"head": _head("MBart")})
MARIAN = BART.but("marian", constants=_SINUSOIDAL, parts={"head": _head("Marian", "MTModel")})
PEGASUS = BART.but("pegasus", constants={**_SINUSOIDAL, **_PRE}, parts={"head": _head("Pegasus")})
HUGGING_FACE = (BART, MARIAN, MBART, PEGASUS)
