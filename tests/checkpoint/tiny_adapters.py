"""Tiny LoRA adapters of each kind that PEFT writes, on tiny random models."""

import warnings
from pathlib import Path
from typing import Any

import torch
import transformers as t

_LLAMA = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
_LLAMA |= {"num_key_value_heads": 2, "vocab_size": 96, "max_position_embeddings": 64}
_LINEAR = ["q_proj", "v_proj", "down_proj"]


def _llama(**more: Any) -> t.PreTrainedModel:
    return t.LlamaForCausalLM(t.LlamaConfig(**_LLAMA, tie_word_embeddings=False, **more))


def _qwen2() -> t.PreTrainedModel:
    return t.Qwen2ForCausalLM(t.Qwen2Config(**_LLAMA, tie_word_embeddings=False))


def _gpt2() -> t.PreTrainedModel:
    return t.GPT2LMHeadModel(t.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=96, n_positions=64))


def _phi3() -> t.PreTrainedModel:
    return t.Phi3ForCausalLM(t.Phi3Config(**_LLAMA, tie_word_embeddings=False, pad_token_id=0))


_SPARSE = _LLAMA | {"num_local_experts": 3, "num_experts": 3, "num_experts_per_tok": 2, "head_dim": 8}
_EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]


def _gpt_oss() -> t.PreTrainedModel:
    return t.GptOssForCausalLM(t.GptOssConfig(**_SPARSE, layer_types=["sliding_attention", "full_attention"]))


def _mixtral() -> t.PreTrainedModel:
    return t.MixtralForCausalLM(t.MixtralConfig(**_SPARSE))


def _qwen3_moe() -> t.PreTrainedModel:
    return t.Qwen3MoeForCausalLM(t.Qwen3MoeConfig(**_SPARSE, moe_intermediate_size=16))


# The model, and the settings of PEFT's LoraConfig.
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (_llama, {"target_modules": _LINEAR, "r": 4, "lora_alpha": 16}),
    "all linear": (_llama, {"target_modules": "all-linear", "r": 3}),
    "rank stabilised": (_llama, {"target_modules": _LINEAR, "r": 4, "lora_alpha": 8, "use_rslora": True}),
    "alpha pattern": (
        _llama,
        {"target_modules": _LINEAR, "r": 4, "alpha_pattern": {r"layers\.0\..*q_proj": 64, "v_proj": 2, "j": 9}},
    ),
    "rank pattern": (
        _llama,
        {"target_modules": _LINEAR, "rank_pattern": {r".*1.*q_proj": 2, "^model.layers.0.mlp.down_proj": 5}},
    ),
    "both patterns, rank stabilised": (
        _llama,
        {"target_modules": _LINEAR, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 7}, "use_rslora": True},
    ),
    "DoRA": (_llama, {"target_modules": _LINEAR, "r": 4, "use_dora": True}),
    "DoRA of Conv1D": (_gpt2, {"target_modules": ["c_attn", "c_proj"], "r": 4, "use_dora": True}),
    "Conv1D": (_gpt2, {"target_modules": ["c_attn", "c_proj", "c_fc"], "r": 4, "fan_in_fan_out": True}),
    "Conv1D and a linear head": (
        _gpt2,
        {"target_modules": ["c_proj"], "modules_to_save": ["ln_f"], "fan_in_fan_out": False},
    ),
    "embedding": (_llama, {"target_modules": ["embed_tokens", "q_proj"], "r": 4}),
    "DoRA of an embedding": (_llama, {"target_modules": ["embed_tokens"], "r": 4, "use_dora": True}),
    "head": (_llama, {"target_modules": ["lm_head", "k_proj"], "r": 4}),
    "whole head and embedding": (
        _llama,
        {"target_modules": _LINEAR, "modules_to_save": ["lm_head", "embed_tokens", "norm"]},
    ),
    "biases of a model": (_qwen2, {"target_modules": ["q_proj"], "bias": "all"}),
    "biases of the layers": (_qwen2, {"target_modules": ["q_proj", "k_proj"], "bias": "lora_only"}),
    "bias of B": (_qwen2, {"target_modules": ["q_proj"], "lora_bias": True}),
    "fused matrices": (_phi3, {"target_modules": ["qkv_proj", "gate_up_proj"], "r": 4}),
    "some layers": (_llama, {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"}),
    "stacked experts": (
        _gpt_oss,
        {"target_modules": ["q_proj"], "target_parameters": _EXPERTS, "rank_pattern": {r"experts\..*": 2}, "r": 3},
    ),
    "stacked experts, kept apart in the file": (
        _mixtral,
        {"target_modules": [], "target_parameters": _EXPERTS[::-1], "alpha_pattern": {"down_proj": 5}},
    ),
    "one of two stacks": (
        _qwen3_moe,
        {"target_modules": ["v_proj"], "target_parameters": ["experts.gate_up_proj"], "r": 4, "use_rslora": True},
    ),
    "a matrix as a parameter": (_llama, {"target_modules": [], "target_parameters": ["q_proj.weight"], "r": 4}),
    "EVA's form, orthogonal": (_llama, {"target_modules": _LINEAR, "r": 4, "init_lora_weights": "orthogonal"}),
}
REFUSED: dict[str, tuple[Any, dict[str, Any]]] = {
    "PiSSA": (_llama, {"target_modules": _LINEAR, "r": 4, "init_lora_weights": "pissa"}),
    "OLoRA": (_llama, {"target_modules": _LINEAR, "r": 4, "init_lora_weights": "olora"}),
    "some tokens": (_llama, {"target_modules": ["q_proj"], "trainable_token_indices": [3, 5]}),
    "activated": (_llama, {"target_modules": ["q_proj"], "alora_invocation_tokens": [3, 5]}),
}


def tiny_adapter(kind: str, folder: Path) -> tuple[Path, Path]:
    """The folders of a base model and of an adapter of that kind, every trained number drawn at random."""
    import peft

    build, settings = {**KINDS, **REFUSED}[kind]
    torch.manual_seed(0)
    model = build().eval()
    model.save_pretrained(folder / "base")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = peft.LoraConfig(task_type="CAUSAL_LM", base_model_name_or_path=str(folder / "base"), **settings)
        model.name_or_path = str(folder / "base")
        adapted = peft.get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                drawn = torch.randn(parameter.shape) * 0.1
                parameter.copy_(drawn.abs() + 1 if "magnitude" in name else drawn)
    adapted.save_pretrained(folder / "adapter")
    return folder / "base", folder / "adapter"


def merged_by_peft(base: Path, adapter: Path) -> torch.nn.Module:
    """What PEFT makes of the two folders."""
    import peft

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = t.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        return peft.PeftModel.from_pretrained(model, adapter).merge_and_unload().eval()
