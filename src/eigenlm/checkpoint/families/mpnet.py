"""MPNet: RoBERTa without segments, and with a number for each distance added to the scores of all layers."""

from eigenlm.attention import RelativeBiasConfig
from eigenlm.checkpoint.dialects.names import in_blocks
from eigenlm.checkpoint.families.roberta import kin_of_roberta
from eigenlm.config import to_dict

_BUCKETS = RelativeBiasConfig(num_buckets=32, max_distance=128, bidirectional=True)
MPNET = kin_of_roberta(
    "mpnet",
    "MPNet",
    constants={"embedding.num_token_types": 0, "layer.attention.relative_bias": to_dict(_BUCKETS)},
    # transformers numbers padding 1 and counts in 32 buckets whatever a config says.
    fixed={"pad_token_id": 1, "relative_attention_num_buckets": _BUCKETS.num_buckets},
    names={
        **in_blocks(
            "mpnet.encoder.layer.{i}.attention.",
            {
                "attention.query": "attn.q",
                "attention.key": "attn.k",
                "attention.value": "attn.v",
                "attention.output": "attn.o",
                "attention_norm": "LayerNorm",
            },
        ),
        "blocks.{i}.attention.softmax.relative_bias": "mpnet.encoder.relative_attention_bias",
    },
)
HUGGING_FACE = (MPNET,)
