"""Families of models: what Hugging Face and GGUF call their sizes and tensors."""

from eigenlm.checkpoint.families.bert import BERT, GGUF_BERT
from eigenlm.checkpoint.families.dialect import Dialect, Place, differences
from eigenlm.checkpoint.families.distilbert import DISTILBERT
from eigenlm.checkpoint.families.electra import ELECTRA
from eigenlm.checkpoint.families.gpt2 import GGUF_GPT2, GPT2
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, GGUF_QWEN2, GGUF_QWEN3, LLAMA, MISTRAL, QWEN2, QWEN3
from eigenlm.checkpoint.families.modernbert import MODERNBERT
from eigenlm.checkpoint.families.mpnet import MPNET
from eigenlm.checkpoint.families.roberta import CAMEMBERT, ROBERTA, XLM_ROBERTA

_ENCODERS = (BERT, ROBERTA, XLM_ROBERTA, CAMEMBERT, DISTILBERT, MPNET, ELECTRA, MODERNBERT)
HUGGING_FACE = {dialect.family: dialect for dialect in (LLAMA, MISTRAL, QWEN2, QWEN3, GPT2, *_ENCODERS)}
GGUF = {dialect.family: dialect for dialect in (GGUF_LLAMA, GGUF_QWEN2, GGUF_QWEN3, GGUF_GPT2, GGUF_BERT)}

__all__ = ["GGUF", "HUGGING_FACE", "Dialect", "Place", "differences"]
