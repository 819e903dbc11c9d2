"""A tiny random Llama with a byte-level tokenizer and a chat template, written as other libraries would write it."""

import json
import os
from pathlib import Path

import pytest
import tokenizers
import torch
from hypothesis import settings
from safetensors.torch import save_file

os.environ["EIGENLM_CONFIG"] = os.devnull  # nothing that whoever runs the tests has set
os.environ |= dict.fromkeys(("EIGENLM_DEVICE", "EIGENLM_DTYPE", "EIGENLM_THREADS", "EIGENLM_MODELS"), "")
# The same cases every time, on a busy machine too; `--hypothesis-profile=default` looks for others.
settings.register_profile("the same", deadline=None, derandomize=True)
settings.load_profile("the same")
VOCAB, D, F, LAYERS, HEADS, KV_HEADS, CONTEXT = 300, 32, 64, 2, 4, 2, 128
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = "The matrix of a language model maps each token to a vector, and the vector to the next token. " * 8


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder; copy it before changing it."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": VOCAB,
        "hidden_size": D,
        "intermediate_size": F,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": D // HEADS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tiny_llama_tensors(), folder / "model.safetensors", metadata={"format": "pt"})
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "chat_template": TEMPLATE,
        "model_max_length": CONTEXT,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    return folder


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text file of some hundred tokens."""
    path = tmp_path_factory.mktemp("texts") / "text.txt"
    path.write_text(TEXT)
    return path


def tiny_llama_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    width = D // HEADS
    shapes = {"model.embed_tokens.weight": (VOCAB, D), "model.norm.weight": (D,)}
    for i in range(LAYERS):
        block = f"model.layers.{i}."
        shapes |= {
            block + "input_layernorm.weight": (D,),
            block + "post_attention_layernorm.weight": (D,),
            block + "self_attn.q_proj.weight": (D, D),
            block + "self_attn.k_proj.weight": (KV_HEADS * width, D),
            block + "self_attn.v_proj.weight": (KV_HEADS * width, D),
            block + "self_attn.o_proj.weight": (D, D),
            block + "mlp.gate_proj.weight": (F, D),
            block + "mlp.up_proj.weight": (F, D),
            block + "mlp.down_proj.weight": (D, F),
        }
    return {
        name: torch.ones(shape) if "norm" in name else torch.randn(shape, generator=generator) * 0.2
        for name, shape in shapes.items()
    }


def tiny_tokenizer() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    return tokenizer
