"""Tiny random models of transformers, one or more for each family."""

import tiny_decoders
import tiny_encoder_decoders
import tiny_encoders
import tiny_gemma
import torch
import transformers as t

from eigenlm.model import Transformer

_LLAMA = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}
_BERT = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
_GPT2 = {"vocab_size": 96, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64}
_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
_YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16}

MODELS = {
    "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_LLAMA, tie_word_embeddings=False)),
    "llama-tied": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_LLAMA, tie_word_embeddings=True)),
    "llama-headless": lambda: t.LlamaModel(t.LlamaConfig(**_LLAMA)),
    "llama-biased": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_LLAMA, attention_bias=True, mlp_bias=True)),
    "llama-wide-heads": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_LLAMA, head_dim=32)),
    "llama-linear-rope": lambda: t.LlamaForCausalLM(
        t.LlamaConfig(**_LLAMA, rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0})
    ),
    "llama-3-rope": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_LLAMA, rope_parameters=_LLAMA3_ROPE)),
    "llama-yarn": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_LLAMA, rope_parameters=_YARN)),
    "llama-dynamic-rope": lambda: t.LlamaForCausalLM(
        t.LlamaConfig(**_LLAMA, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0})
    ),
    "mistral": lambda: t.MistralForCausalLM(t.MistralConfig(**_LLAMA, sliding_window=5)),
    "mistral-no-window": lambda: t.MistralForCausalLM(t.MistralConfig(**_LLAMA, sliding_window=None)),
    "qwen2": lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**_LLAMA, tie_word_embeddings=True)),
    "qwen2-window": lambda: t.Qwen2ForCausalLM(
        t.Qwen2Config(**_LLAMA, use_sliding_window=True, sliding_window=5, max_window_layers=0)
    ),
    "qwen2-mixed-windows": lambda: t.Qwen2ForCausalLM(
        t.Qwen2Config(**_LLAMA, use_sliding_window=True, sliding_window=5, max_window_layers=1)
    ),
    "qwen3": lambda: t.Qwen3ForCausalLM(t.Qwen3Config(**_LLAMA, head_dim=32)),
    "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(**_GPT2)),
    "gpt2-headless": lambda: t.GPT2Model(t.GPT2Config(**_GPT2)),
    "gpt2-relu": lambda: t.GPT2LMHeadModel(
        t.GPT2Config(**_GPT2, activation_function="relu", n_inner=96, tie_word_embeddings=False)
    ),
    "gpt2-scales": lambda: t.GPT2LMHeadModel(t.GPT2Config(**_GPT2, scale_attn_by_inverse_layer_idx=True)),
    "gpt2-no-scale": lambda: t.GPT2LMHeadModel(t.GPT2Config(**_GPT2, scale_attn_weights=False)),
    "bert": lambda: t.BertModel(t.BertConfig(**_BERT)),
    "bert-no-pooler": lambda: t.BertModel(t.BertConfig(**_BERT), add_pooling_layer=False),
    "bert-gelu-new": lambda: t.BertModel(t.BertConfig(**_BERT, hidden_act="gelu_new")),
    "bert-mlm": lambda: t.BertForMaskedLM(t.BertConfig(**_BERT)),
    "bert-mlm-relu": lambda: t.BertForMaskedLM(t.BertConfig(**_BERT, hidden_act="relu")),
    "bert-mlm-untied": lambda: t.BertForMaskedLM(t.BertConfig(**_BERT, tie_word_embeddings=False)),
}
MODELS |= tiny_gemma.MODELS

MODELS |= tiny_encoders.MODELS

MODELS |= tiny_encoder_decoders.MODELS

MODELS |= tiny_decoders.MODELS


def tiny(name: str) -> torch.nn.Module:
    """A model with random biases and norms too, so that none of them can be forgotten unseen."""
    torch.manual_seed(len(name))
    model = MODELS[name]().eval()
    with torch.no_grad():
        trained = {key: p for key, p in model.named_parameters() if p.requires_grad}  # not Marian's table of sines
        for key, parameter in trained.items():
            if parameter.dim() == 1 or key.endswith("_bias"):  # experts' biases are stacked
                parameter.add_(torch.randn_like(parameter) * 0.1)
            else:
                parameter.mul_(3)
    return model


def ids() -> torch.Tensor:
    """Two texts of 20 tokens, longer than the window of 5, without token 1, which RoBERTa takes for padding."""
    return torch.randint(2, 96, (2, 20), generator=torch.Generator().manual_seed(0))


def sources() -> torch.Tensor:
    """Two texts of 13 tokens for an encoder."""
    return torch.randint(0, 96, (2, 13), generator=torch.Generator().manual_seed(1))


def answer(model: torch.nn.Module) -> torch.Tensor:
    """Logits, or the last hidden vectors of a model without a head."""
    two = model.config.is_encoder_decoder
    with torch.no_grad():
        out = model(input_ids=sources(), decoder_input_ids=ids()) if two else model(ids())
    if hasattr(out, "start_logits"):
        return torch.stack([out.start_logits, out.end_logits], dim=-1)
    if isinstance(model, t.ElectraForPreTraining):
        return out.logits[..., None]
    return out.logits if hasattr(out, "logits") else out.last_hidden_state


def our_answer(model: Transformer) -> torch.Tensor:
    """The same of a model of ours."""
    with torch.no_grad():
        return model(ids(), source=sources() if model.config.kind == "encoder_decoder" else None)
