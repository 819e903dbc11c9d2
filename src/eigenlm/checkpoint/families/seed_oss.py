"""Seed-OSS: a Llama with biases on queries, keys and values, and a switch of its own for that of the output."""

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.families.llama import LLAMA

SEED_OSS = LLAMA.but(
    "seed_oss",
    fields={"layer.attention.output_bias": "attention_out_bias"},
    defaults={"attention_bias": True, "attention_out_bias": False, "head_dim": 128},
    parts={"head": language_head("SeedOss")},
)
HUGGING_FACE = (SEED_OSS,)
