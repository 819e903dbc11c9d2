"""Tiny random models of Gemma and of OLMo, Granite, SmolLM3 and Ministral."""

import transformers as t

_SIZES = {
    "vocab_size": 96,
    "hidden_size": 60,
    "intermediate_size": 90,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 22,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
_LINEAR = {"rope_type": "linear", "factor": 4.0, "rope_theta": 50000.0}
_PLAIN = {"rope_type": "default", "rope_theta": 1000.0}

MODELS = {
    "gemma": lambda: t.GemmaForCausalLM(t.GemmaConfig(**_SIZES)),
    "gemma-untied": lambda: t.GemmaForCausalLM(t.GemmaConfig(**_SIZES, tie_word_embeddings=False)),
    "gemma-biased": lambda: t.GemmaForCausalLM(t.GemmaConfig(**_SIZES, attention_bias=True, rms_norm_eps=1e-3)),
    "gemma-headless": lambda: t.GemmaModel(t.GemmaConfig(**_SIZES)),
    "gemma2": lambda: t.Gemma2ForCausalLM(t.Gemma2Config(**_SIZES, sliding_window=5, query_pre_attn_scalar=22)),
    "gemma2-scalar": lambda: t.Gemma2ForCausalLM(
        t.Gemma2Config(
            **_SIZES,
            sliding_window=5,
            query_pre_attn_scalar=17,
            attn_logit_softcapping=2.5,
            final_logit_softcapping=3.0,
            layer_types=["full_attention", "sliding_attention", "sliding_attention"],
        )
    ),
    "gemma2-no-caps": lambda: t.Gemma2ForCausalLM(
        t.Gemma2Config(**_SIZES, sliding_window=5, attn_logit_softcapping=None, final_logit_softcapping=None)
    ),
    "gemma3": lambda: t.Gemma3ForCausalLM(
        t.Gemma3TextConfig(**_SIZES | {"num_hidden_layers": 7}, sliding_window=5, query_pre_attn_scalar=22)
    ),
    "gemma3-two-ropes": lambda: t.Gemma3ForCausalLM(
        t.Gemma3TextConfig(
            **_SIZES,
            sliding_window=5,
            query_pre_attn_scalar=22,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            rope_parameters={"full_attention": _LINEAR, "sliding_attention": _PLAIN},
            final_logit_softcapping=4.0,
        )
    ),
    "gemma3-untied-scalar": lambda: t.Gemma3ForCausalLM(
        t.Gemma3TextConfig(**_SIZES, sliding_window=5, query_pre_attn_scalar=30, tie_word_embeddings=False)
    ),
    "gemma3-all-full": lambda: t.Gemma3ForCausalLM(
        t.Gemma3TextConfig(**_SIZES, sliding_window=5, query_pre_attn_scalar=22, layer_types=["full_attention"] * 3)
    ),
}
