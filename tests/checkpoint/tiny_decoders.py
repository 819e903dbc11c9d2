"""Tiny random models of transformers: mixtures of experts, and decoders that are not quite Llama."""

import transformers as t

_SIZES = {
    "vocab_size": 96,
    "hidden_size": 48,
    "intermediate_size": 56,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def _turned(share):
    """A rotation of a share of each head."""
    return {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": share}


_EXPERTS = {"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 40, "head_dim": 16}
_OSS = {"num_local_experts": 5, "num_experts_per_tok": 3, "head_dim": 16, "sliding_window": 5}
_OSS_YARN = {
    "rope_type": "yarn",
    "rope_theta": 150000.0,
    "factor": 4.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "truncate": False,
    "original_max_position_embeddings": 16,
}
_OPT = {
    "vocab_size": 96,
    "hidden_size": 48,
    "ffn_dim": 56,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
_NEOX = {key: value for key, value in _SIZES.items() if key != "num_key_value_heads"}

_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
    "long_factor": [1.0, 1.5, 2.0, 2.5, 3.0, 3.5],
}
_LONGROPE_OF_TWO_THIRDS = {
    **_LONGROPE,
    "short_factor": [1.0, 1.1, 1.2, 1.3],
    "long_factor": [1.0, 1.5, 2.0, 2.5],
    "partial_rotary_factor": 2 / 3,
}


def _phi3_long(rope, original_length):
    """Texts of more than `original_length` tokens are turned by the long factors."""
    return t.Phi3Config(**_SIZES, rope_parameters=dict(rope), original_max_position_embeddings=original_length)


MODELS = {
    "mixtral": lambda: t.MixtralForCausalLM(t.MixtralConfig(**_SIZES, num_local_experts=5, num_experts_per_tok=2)),
    "mixtral-window": lambda: t.MixtralForCausalLM(
        t.MixtralConfig(**_SIZES, num_local_experts=4, num_experts_per_tok=1, sliding_window=5, head_dim=16)
    ),
    "mixtral-tied": lambda: t.MixtralForCausalLM(
        t.MixtralConfig(**_SIZES, num_local_experts=3, num_experts_per_tok=3, tie_word_embeddings=True)
    ),
    "qwen3-moe": lambda: t.Qwen3MoeForCausalLM(t.Qwen3MoeConfig(**_SIZES, **_EXPERTS, norm_topk_prob=True)),
    "qwen3-moe-less-than-one": lambda: t.Qwen3MoeForCausalLM(
        t.Qwen3MoeConfig(**_SIZES, **_EXPERTS, norm_topk_prob=False, attention_bias=True, tie_word_embeddings=True)
    ),
    "qwen3-moe-every-other": lambda: t.Qwen3MoeForCausalLM(
        t.Qwen3MoeConfig(**_SIZES, **_EXPERTS, decoder_sparse_step=2, norm_topk_prob=True)
    ),
    "qwen3-moe-dense-first": lambda: t.Qwen3MoeForCausalLM(
        t.Qwen3MoeConfig(**_SIZES, **_EXPERTS, mlp_only_layers=[0], use_sliding_window=True, sliding_window=5)
    ),
    "gpt-oss": lambda: t.GptOssForCausalLM(t.GptOssConfig(**_SIZES, **_OSS, rope_parameters=_OSS_YARN)),
    "gpt-oss-plain-rope": lambda: t.GptOssForCausalLM(
        t.GptOssConfig(
            **_SIZES,
            **_OSS,
            attention_bias=False,
            layer_types=["full_attention", "sliding_attention", "sliding_attention"],
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        )
    ),
    "gpt-oss-alternate": lambda: t.GptOssForCausalLM(
        t.GptOssConfig(**_SIZES, **_OSS, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    ),
    "gpt-neox": lambda: t.GPTNeoXForCausalLM(t.GPTNeoXConfig(**_NEOX, rope_parameters=_turned(1 / 3))),
    "gpt-neox-one-after-the-other": lambda: t.GPTNeoXForCausalLM(
        t.GPTNeoXConfig(**_NEOX, use_parallel_residual=False, rope_parameters=_turned(0.5))
    ),
    "gpt-neox-unbiased": lambda: t.GPTNeoXForCausalLM(
        t.GPTNeoXConfig(
            **_NEOX,
            use_parallel_residual=False,
            attention_bias=False,
            tie_word_embeddings=True,
            rope_parameters=_turned(0.5),
        )
    ),
    "gpt-neox-gelu-fast": lambda: t.GPTNeoXForCausalLM(
        t.GPTNeoXConfig(**_NEOX, hidden_act="gelu_fast", rope_parameters=_turned(1.0))
    ),
    "gpt-neox-headless": lambda: t.GPTNeoXModel(t.GPTNeoXConfig(**_NEOX, rope_parameters=_turned(0.5))),
    "seed-oss": lambda: t.SeedOssForCausalLM(
        t.SeedOssConfig(**_SIZES, head_dim=16, attention_out_bias=True, mlp_bias=True)
    ),
    "seed-oss-tied": lambda: t.SeedOssForCausalLM(
        t.SeedOssConfig(**_SIZES, attention_bias=False, tie_word_embeddings=True)
    ),
    "phi3": lambda: t.Phi3ForCausalLM(t.Phi3Config(**_SIZES)),
    "phi3-window": lambda: t.Phi3ForCausalLM(
        t.Phi3Config(**_SIZES, sliding_window=5, tie_word_embeddings=True, rope_parameters=_turned(0.5))
    ),
    "phi3-short": lambda: t.Phi3ForCausalLM(_phi3_long(_LONGROPE, 24)),
    "phi3-long": lambda: t.Phi3ForCausalLM(_phi3_long(_LONGROPE, 2)),
    "phi3-long-part": lambda: t.Phi3ForCausalLM(_phi3_long(_LONGROPE_OF_TWO_THIRDS, 2)),
    "phi": lambda: t.PhiForCausalLM(t.PhiConfig(**_SIZES)),
    "phi-tied": lambda: t.PhiForCausalLM(
        t.PhiConfig(**_SIZES, hidden_act="gelu", tie_word_embeddings=True, rope_parameters=_turned(1.0))
    ),
    "phi-normed": lambda: t.PhiForCausalLM(t.PhiConfig(**_SIZES, qk_layernorm=True)),
    "phi-headless": lambda: t.PhiModel(t.PhiConfig(**_SIZES)),
    "stablelm": lambda: t.StableLmForCausalLM(t.StableLmConfig(**_SIZES, rope_parameters=_turned(1 / 3))),
    "stablelm-biased": lambda: t.StableLmForCausalLM(
        t.StableLmConfig(**_SIZES, use_qkv_bias=True, tie_word_embeddings=True, rope_parameters=_turned(1.0))
    ),
    "stablelm-parallel": lambda: t.StableLmForCausalLM(
        t.StableLmConfig(**_SIZES, use_parallel_residual=True, use_qkv_bias=True, rope_parameters=_turned(0.5))
    ),
    "stablelm-headless": lambda: t.StableLmModel(t.StableLmConfig(**_SIZES, rope_parameters=_turned(0.5))),
    "starcoder2": lambda: t.Starcoder2ForCausalLM(t.Starcoder2Config(**_SIZES)),
    "starcoder2-window": lambda: t.Starcoder2ForCausalLM(
        t.Starcoder2Config(**_SIZES, sliding_window=5, tie_word_embeddings=False, head_dim=16)
    ),
    "starcoder2-unbiased": lambda: t.Starcoder2ForCausalLM(
        t.Starcoder2Config(**_SIZES, use_bias=False, hidden_act="gelu")
    ),
    "opt": lambda: t.OPTForCausalLM(t.OPTConfig(**_OPT)),
    "opt-unbiased": lambda: t.OPTForCausalLM(
        t.OPTConfig(**_OPT, enable_bias=False, activation_function="gelu", tie_word_embeddings=False)
    ),
    "opt-post-norm": lambda: t.OPTForCausalLM(t.OPTConfig(**_OPT, do_layer_norm_before=False)),
    "opt-no-final-norm": lambda: t.OPTForCausalLM(t.OPTConfig(**_OPT, _remove_final_layer_norm=True)),
    "opt-headless": lambda: t.OPTModel(t.OPTConfig(**_OPT)),
}

NOT_IN_GGUF = {
    "stablelm-biased",
    "stablelm-headless",
    "starcoder2-unbiased",
    "starcoder2-window",
    "opt",
    "opt-unbiased",
    "opt-post-norm",
    "opt-no-final-norm",
    "opt-headless",
    "phi-tied",
    "phi-normed",
    "phi-headless",
    "gpt-neox-unbiased",
    "gpt-neox-gelu-fast",
    "gpt-neox-headless",
    "qwen3-moe-less-than-one",
    "qwen3-moe-every-other",
    "qwen3-moe-dense-first",
    "gpt-oss",
    "gpt-oss-plain-rope",
}
ONE_OF_EACH = ("mixtral", "qwen3-moe", "gpt-oss", "gpt-neox", "phi", "phi3-long", "stablelm", "starcoder2", "opt")
ODDLY_CONFIGURED = ("gpt-oss", "qwen3-moe-dense-first", "phi3-long-part", "gpt-neox", "opt")
