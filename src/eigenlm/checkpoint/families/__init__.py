"""Families of models: what Hugging Face and GGUF call their sizes and tensors."""

from eigenlm.checkpoint.families.bert import BERT, GGUF_BERT
from eigenlm.checkpoint.families.dialect import Dialect, Place, differences
from eigenlm.checkpoint.families.distilbert import DISTILBERT
from eigenlm.checkpoint.families.electra import ELECTRA
from eigenlm.checkpoint.families.gemma import GGUF_GEMMA
from eigenlm.checkpoint.families.gpt2 import GGUF_GPT2, GPT2
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, GGUF_QWEN2, GGUF_QWEN3, LLAMA, MISTRAL, QWEN2, QWEN3
from eigenlm.checkpoint.families.mpnet import MPNET
from eigenlm.checkpoint.families.roberta import CAMEMBERT, ROBERTA, XLM_ROBERTA

_HUGGING_FACE = (
    LLAMA,
    MISTRAL,
    QWEN2,
    QWEN3,
    GPT2,
    BERT,
    DISTILBERT,
    ELECTRA,
    MPNET,
    CAMEMBERT,
    ROBERTA,
    XLM_ROBERTA,
)
_GGUF = (
    GGUF_LLAMA,
    GGUF_QWEN2,
    GGUF_QWEN3,
    GGUF_GPT2,
    GGUF_BERT,
    GGUF_GEMMA,
)

HUGGING_FACE = {dialect.family: dialect for dialect in _HUGGING_FACE}
GGUF = {dialect.family: dialect for dialect in _GGUF}

__all__ = ["GGUF", "HUGGING_FACE", "Dialect", "Place", "differences"]
