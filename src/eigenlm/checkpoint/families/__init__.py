"""Families of models: what Hugging Face and GGUF call their sizes and tensors."""

from eigenlm.checkpoint.families.bert import BERT, GGUF_BERT
from eigenlm.checkpoint.families.dialect import Dialect, Place, differences
from eigenlm.checkpoint.families.gemma import GEMMA, GEMMA2, GEMMA3, GGUF_GEMMA, GGUF_GEMMA2, GGUF_GEMMA3
from eigenlm.checkpoint.families.gpt2 import GGUF_GPT2, GPT2
from eigenlm.checkpoint.families.granite import GGUF_GRANITE, GRANITE
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, GGUF_QWEN2, GGUF_QWEN3, LLAMA, MISTRAL, QWEN2, QWEN3
from eigenlm.checkpoint.families.ministral import MINISTRAL
from eigenlm.checkpoint.families.olmo import GGUF_OLMO2, OLMO2, OLMO3
from eigenlm.checkpoint.families.smollm3 import GGUF_SMOLLM3, SMOLLM3

_HUGGING_FACE = [LLAMA, MISTRAL, QWEN2, QWEN3, GPT2, BERT]
_HUGGING_FACE += [GEMMA, GEMMA2, GEMMA3, OLMO2, OLMO3, GRANITE, SMOLLM3, MINISTRAL]
_GGUF = [GGUF_LLAMA, GGUF_QWEN2, GGUF_QWEN3, GGUF_GPT2, GGUF_BERT]
_GGUF += [GGUF_GEMMA, GGUF_GEMMA2, GGUF_GEMMA3, GGUF_OLMO2, GGUF_GRANITE, GGUF_SMOLLM3]

HUGGING_FACE = {dialect.family: dialect for dialect in _HUGGING_FACE}
GGUF = {dialect.family: dialect for dialect in _GGUF}

__all__ = ["GGUF", "HUGGING_FACE", "Dialect", "Place", "differences"]
