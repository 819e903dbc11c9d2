"""Tiny random models of Gemma, OLMo, Granite, SmolLM3 and Ministral."""

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
_EQUAL_HEADS = {key: size for key, size in _SIZES.items() if key != "head_dim"} | {"hidden_size": 56}
_YARN = {"rope_type": "yarn", "rope_theta": 5000.0, "factor": 4.0, "original_max_position_embeddings": 16}
_LINEAR = {"rope_type": "linear", "factor": 4.0, "rope_theta": 50000.0}
_FAST = {"rope_type": "default", "rope_theta": 1000.0}

MODELS = {
    "gemma": lambda: t.GemmaForCausalLM(t.GemmaConfig(**_SIZES)),
    "gemma-untied": lambda: t.GemmaForCausalLM(t.GemmaConfig(**_SIZES, tie_word_embeddings=False)),
    "gemma-biased": lambda: t.GemmaForCausalLM(t.GemmaConfig(**_SIZES, attention_bias=True, rms_norm_eps=1e-3)),
    "gemma-headless": lambda: t.GemmaModel(t.GemmaConfig(**_SIZES)),
    "gemma2-headless": lambda: t.Gemma2Model(t.Gemma2Config(**_SIZES, sliding_window=5)),
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
        t.Gemma2Config(
            **_SIZES,
            sliding_window=5,
            query_pre_attn_scalar=22,
            attn_logit_softcapping=None,
            final_logit_softcapping=None,
        )
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
            rope_parameters={"full_attention": _LINEAR, "sliding_attention": _FAST},
            final_logit_softcapping=4.0,
        )
    ),
    "gemma3-untied-scalar": lambda: t.Gemma3ForCausalLM(
        t.Gemma3TextConfig(**_SIZES, sliding_window=5, query_pre_attn_scalar=30, tie_word_embeddings=False)
    ),
    "gemma3-all-full": lambda: t.Gemma3ForCausalLM(
        t.Gemma3TextConfig(**_SIZES, sliding_window=5, query_pre_attn_scalar=22, layer_types=["full_attention"] * 3)
    ),
    "olmo2": lambda: t.Olmo2ForCausalLM(t.Olmo2Config(**_EQUAL_HEADS)),
    "olmo2-wide-biased-tied": lambda: t.Olmo2ForCausalLM(
        t.Olmo2Config(**_SIZES, attention_bias=True, tie_word_embeddings=True)
    ),
    "olmo3": lambda: t.Olmo3ForCausalLM(t.Olmo3Config(**_EQUAL_HEADS | {"num_hidden_layers": 5}, sliding_window=5)),
    "olmo3-yarn": lambda: t.Olmo3ForCausalLM(
        t.Olmo3Config(
            **_EQUAL_HEADS,
            sliding_window=5,
            layer_types=["full_attention", "sliding_attention", "full_attention"],
            rope_parameters={"full_attention": _YARN, "sliding_attention": _FAST | {"rope_theta": 5000.0}},
        )
    ),
    "granite": lambda: t.GraniteForCausalLM(
        t.GraniteConfig(
            **_EQUAL_HEADS,
            embedding_multiplier=12,
            attention_multiplier=0.125,
            residual_multiplier=0.22,
            logits_scaling=8,
        )
    ),
    "granite-ones-biased": lambda: t.GraniteForCausalLM(
        t.GraniteConfig(**_SIZES, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)
    ),
    "granite-headless": lambda: t.GraniteModel(t.GraniteConfig(**_EQUAL_HEADS, embedding_multiplier=3.0)),
    "smollm3": lambda: t.SmolLM3ForCausalLM(t.SmolLM3Config(**_SIZES | {"num_hidden_layers": 5})),
    "smollm3-windows": lambda: t.SmolLM3ForCausalLM(
        t.SmolLM3Config(
            **_EQUAL_HEADS,
            no_rope_layers=[0, 1, 0],
            use_sliding_window=True,
            sliding_window=5,
            attention_bias=True,
            mlp_bias=True,
            tie_word_embeddings=False,
        )
    ),
    "ministral": lambda: t.MinistralForCausalLM(
        t.MinistralConfig(
            **_SIZES,
            sliding_window=5,
            layer_types=["full_attention", "sliding_attention", "sliding_attention"],
        )
    ),
    "ministral-all-full": lambda: t.MinistralForCausalLM(
        t.MinistralConfig(
            **_EQUAL_HEADS, head_dim=14, sliding_window=5, layer_types=["full_attention"] * 3, tie_word_embeddings=True
        )
    ),
}
