"""Tiny random encoder-decoders of transformers."""

import torch
import transformers as t

_T5 = {
    "vocab_size": 96,
    "d_model": 48,
    "d_kv": 10,
    "d_ff": 72,
    "num_layers": 3,
    "num_decoder_layers": 2,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "initializer_factor": 0.3,
    "decoder_start_token_id": 0,
}
_BART = {
    "vocab_size": 96,
    "d_model": 48,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 72,
    "decoder_ffn_dim": 56,
    "max_position_embeddings": 40,
    "init_std": 0.06,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": None,
}


def biased(model: torch.nn.Module) -> torch.nn.Module:
    """The model with numbers where transformers begins with none."""
    torch.nn.init.normal_(model.final_logits_bias, std=0.2)
    return model


def t5_untied(**changes: object) -> torch.nn.Module:
    """T5 1.1: its head has a matrix of its own, and transformers 5 has no switch for it."""
    model = t.T5ForConditionalGeneration(t.T5Config(**{**_T5, **changes}, tie_word_embeddings=False))
    model.lm_head.weight = torch.nn.Parameter(torch.randn(96, 48) * 0.1)
    return model


MODELS = {
    "t5": lambda: t.T5ForConditionalGeneration(t.T5Config(**_T5)),
    "t5-headless": lambda: t.T5Model(
        t.T5Config(**_T5, feed_forward_proj="gated-silu", relative_attention_max_distance=7)
    ),
    "t5-v1.1": lambda: t5_untied(feed_forward_proj="gated-gelu", relative_attention_max_distance=12),
    "t5-flan": lambda: t5_untied(feed_forward_proj="gated-gelu", num_decoder_layers=3),
    "t5-tied-without-scale": lambda: t.T5ForConditionalGeneration(
        t.T5Config(**_T5, tie_word_embeddings=False, feed_forward_proj="gelu")
    ),
    "bart": lambda: biased(t.BartForConditionalGeneration(t.BartConfig(**_BART, scale_embedding=True))),
    "bart-headless": lambda: t.BartModel(t.BartConfig(**_BART, activation_function="relu")),
    "mbart": lambda: biased(t.MBartForConditionalGeneration(t.MBartConfig(**_BART, activation_function="gelu_new"))),
    "marian": lambda: biased(
        t.MarianMTModel(t.MarianConfig(**_BART, activation_function="swish", scale_embedding=True))
    ),
    "marian-headless": lambda: t.MarianModel(t.MarianConfig(**_BART)),
    "pegasus": lambda: biased(t.PegasusForConditionalGeneration(t.PegasusConfig(**_BART, activation_function="relu"))),
}
