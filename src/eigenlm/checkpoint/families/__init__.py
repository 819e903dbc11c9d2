"""Families of models: what Hugging Face and GGUF call their sizes and tensors."""

from eigenlm.checkpoint.families.bart import BART, MARIAN, MBART, PEGASUS
from eigenlm.checkpoint.families.bert import BERT, GGUF_BERT
from eigenlm.checkpoint.families.dialect import Dialect, Location, differences
from eigenlm.checkpoint.families.distilbert import DISTILBERT
from eigenlm.checkpoint.families.electra import ELECTRA
from eigenlm.checkpoint.families.gemma import GEMMA, GEMMA2, GEMMA3, GGUF_GEMMA, GGUF_GEMMA2, GGUF_GEMMA3
from eigenlm.checkpoint.families.gpt2 import GGUF_GPT2, GPT2
from eigenlm.checkpoint.families.gpt_neox import GGUF_GPT_NEOX, GPT_NEOX
from eigenlm.checkpoint.families.granite import GGUF_GRANITE, GRANITE
from eigenlm.checkpoint.families.llama import GGUF_QWEN2, GGUF_QWEN3, LLAMA, MISTRAL, QWEN2, QWEN3
from eigenlm.checkpoint.families.ministral import MINISTRAL
from eigenlm.checkpoint.families.mixture import (
    GGUF_GPT_OSS,
    GGUF_LLAMA_OR_MIXTRAL,
    GGUF_QWEN3_MOE,
    GPT_OSS,
    MIXTRAL,
    QWEN3_MOE,
)
from eigenlm.checkpoint.families.modernbert import MODERNBERT
from eigenlm.checkpoint.families.mpnet import MPNET
from eigenlm.checkpoint.families.olmo import GGUF_OLMO2, OLMO2, OLMO3
from eigenlm.checkpoint.families.opt import OPT
from eigenlm.checkpoint.families.phi import GGUF_PHI2, GGUF_PHI3, PHI, PHI3
from eigenlm.checkpoint.families.roberta import CAMEMBERT, ROBERTA, XLM_ROBERTA
from eigenlm.checkpoint.families.smollm3 import GGUF_SMOLLM3, SMOLLM3
from eigenlm.checkpoint.families.stablelm import GGUF_STABLELM, STABLELM
from eigenlm.checkpoint.families.starcoder2 import GGUF_STARCODER2, STARCODER2
from eigenlm.checkpoint.families.t5 import GGUF_T5, T5

_HUGGING_FACE = (
    LLAMA,
    MISTRAL,
    QWEN2,
    QWEN3,
    GPT2,
    BERT,
    BART,
    MARIAN,
    MBART,
    PEGASUS,
    DISTILBERT,
    ELECTRA,
    GEMMA,
    GEMMA2,
    GEMMA3,
    GPT_NEOX,
    GRANITE,
    MINISTRAL,
    GPT_OSS,
    MIXTRAL,
    QWEN3_MOE,
    MODERNBERT,
    MPNET,
    OLMO2,
    OLMO3,
    OPT,
    PHI,
    PHI3,
    CAMEMBERT,
    ROBERTA,
    XLM_ROBERTA,
    SMOLLM3,
    STABLELM,
    STARCODER2,
    T5,
)
_GGUF = (
    GGUF_LLAMA_OR_MIXTRAL,
    GGUF_QWEN2,
    GGUF_QWEN3,
    GGUF_GPT2,
    GGUF_BERT,
    GGUF_GEMMA,
    GGUF_GEMMA2,
    GGUF_GEMMA3,
    GGUF_GPT_NEOX,
    GGUF_GRANITE,
    GGUF_GPT_OSS,
    GGUF_QWEN3_MOE,
    GGUF_OLMO2,
    GGUF_PHI2,
    GGUF_PHI3,
    GGUF_SMOLLM3,
    GGUF_STABLELM,
    GGUF_STARCODER2,
    GGUF_T5,
)

HUGGING_FACE = {dialect.family: dialect for dialect in _HUGGING_FACE}
GGUF = {dialect.family: dialect for dialect in _GGUF}

__all__ = ["GGUF", "HUGGING_FACE", "Dialect", "Location", "differences"]
