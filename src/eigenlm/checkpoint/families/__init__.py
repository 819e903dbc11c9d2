"""Families of models: what Hugging Face and GGUF call their sizes and tensors."""

from eigenlm.checkpoint.families.bert import BERT, GGUF_BERT
from eigenlm.checkpoint.families.dialect import Dialect, Place, differences
from eigenlm.checkpoint.families.gpt2 import GGUF_GPT2, GPT2
from eigenlm.checkpoint.families.gpt_neox import GGUF_GPT_NEOX, GPT_NEOX
from eigenlm.checkpoint.families.llama import GGUF_QWEN2, GGUF_QWEN3, LLAMA, MISTRAL, QWEN2, QWEN3
from eigenlm.checkpoint.families.mixture import (
    GGUF_GPT_OSS,
    GGUF_LLAMA_OR_MIXTRAL,
    GGUF_QWEN3_MOE,
    GPT_OSS,
    MIXTRAL,
    QWEN3_MOE,
)
from eigenlm.checkpoint.families.opt import OPT
from eigenlm.checkpoint.families.phi import GGUF_PHI2, GGUF_PHI3, PHI, PHI3
from eigenlm.checkpoint.families.stablelm import GGUF_STABLELM, STABLELM
from eigenlm.checkpoint.families.starcoder2 import GGUF_STARCODER2, STARCODER2

_HUGGING_FACE = (
    *(LLAMA, MISTRAL, QWEN2, QWEN3, GPT2, BERT),
    *(MIXTRAL, QWEN3_MOE, GPT_OSS),
    *(GPT_NEOX, PHI, PHI3, STABLELM, STARCODER2, OPT),
)
HUGGING_FACE = {dialect.family: dialect for dialect in _HUGGING_FACE}
_GGUF = (
    *(GGUF_LLAMA_OR_MIXTRAL, GGUF_QWEN2, GGUF_QWEN3, GGUF_GPT2, GGUF_BERT),
    *(GGUF_QWEN3_MOE, GGUF_GPT_OSS, GGUF_GPT_NEOX, GGUF_PHI2, GGUF_PHI3, GGUF_STABLELM, GGUF_STARCODER2),
)
GGUF = {dialect.family: dialect for dialect in _GGUF}

__all__ = ["GGUF", "HUGGING_FACE", "Dialect", "Place", "differences"]
