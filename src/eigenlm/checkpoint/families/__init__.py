"""Families of models: what Hugging Face and GGUF call their sizes and tensors."""

from eigenlm.checkpoint.families.bart import BART, MARIAN, MBART, PEGASUS
from eigenlm.checkpoint.families.bert import BERT, GGUF_BERT
from eigenlm.checkpoint.families.dialect import Dialect, Place, differences
from eigenlm.checkpoint.families.gpt2 import GGUF_GPT2, GPT2
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, GGUF_QWEN2, GGUF_QWEN3, LLAMA, MISTRAL, QWEN2, QWEN3
from eigenlm.checkpoint.families.t5 import GGUF_T5, T5

HUGGING_FACE = {
    dialect.family: dialect for dialect in (LLAMA, MISTRAL, QWEN2, QWEN3, GPT2, BERT, T5, BART, MBART, MARIAN, PEGASUS)
}
GGUF = {dialect.family: dialect for dialect in (GGUF_LLAMA, GGUF_QWEN2, GGUF_QWEN3, GGUF_GPT2, GGUF_BERT, GGUF_T5)}

__all__ = ["GGUF", "HUGGING_FACE", "Dialect", "Place", "differences"]
