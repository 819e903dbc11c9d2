"""Families of models: what Hugging Face and GGUF call their sizes and tensors, one file for each."""

from eigenlm.checkpoint.dialects import Dialect, differences
from eigenlm.checkpoint.families import (
    bart,
    bert,
    distilbert,
    electra,
    gemma,
    gpt2,
    gpt_neox,
    granite,
    llama,
    ministral,
    mixture,
    modernbert,
    mpnet,
    olmo,
    opt,
    phi,
    roberta,
    seed_oss,
    smollm3,
    stablelm,
    starcoder2,
    t5,
)

# Where several families hold a model that was read from none of them, it is written as the first of them.
_FIRST = (llama, gpt2, bert)
_OTHERS = (bart, distilbert, electra, gemma, gpt_neox, granite, ministral, mixture, modernbert, mpnet, olmo, opt, phi)
_MORE = (roberta, seed_oss, smollm3, stablelm, starcoder2, t5)
_FAMILIES = (*_FIRST, *_OTHERS, *_MORE)

HUGGING_FACE: dict[str, Dialect] = {dialect.family: dialect for file in _FAMILIES for dialect in file.HUGGING_FACE}
GGUF: dict[str, Dialect] = {dialect.family: dialect for file in _FAMILIES for dialect in getattr(file, "GGUF", ())}

__all__ = ["GGUF", "HUGGING_FACE", "differences"]
