"""DistilBERT: BERT without segments and without a pooler, under names of its own."""

from eigenlm.checkpoint.dialects.heads import Heads, classifier
from eigenlm.checkpoint.dialects.keys import activation
from eigenlm.checkpoint.dialects.names import in_blocks
from eigenlm.checkpoint.families.bert import kin_of_bert
from eigenlm.model import ClassifierHead

_HEADS = Heads(
    class_name="DistilBert",
    masked={
        "transform": "vocab_transform",
        "transform_norm": "vocab_layer_norm",
        "weight": "vocab_projector.weight",
        "bias": "vocab_projector.bias",
    },
    tasks=classifier(
        ClassifierHead(num_labels=1, reads="first", transform="relu"), transform="pre_classifier", logits="classifier"
    ),
)
DISTILBERT = kin_of_bert(
    "distilbert",
    _HEADS,
    constants={"norm.eps": 1e-12, "embedding.num_token_types": 0, "pooler": False},
    fields={
        "d_model": "dim",
        "num_layers": "n_layers",
        "layer.attention.num_heads": "n_heads",
        "layer.feed_forward.d_ff": "hidden_dim",
        "layer.feed_forward.activation": activation("activation"),
        "dropout": "dropout",
    },
    fixed=dict.fromkeys(("position_embedding_type", "is_decoder", "add_cross_attention"), ...),
    defaults={"activation": "gelu", "dropout": 0.1},
    written={"attention_probs_dropout_prob": ..., "attention_dropout": 0.0},
    names=in_blocks(
        "distilbert.transformer.layer.{i}.",
        {
            "attention.query": "attention.q_lin",
            "attention.key": "attention.k_lin",
            "attention.value": "attention.v_lin",
            "attention.output": "attention.out_lin",
            "attention_norm": "sa_layer_norm",
            "feed_forward.up": "ffn.lin1",
            "feed_forward.down": "ffn.lin2",
            "feed_forward_norm": "output_layer_norm",
        },
    ),
)
HUGGING_FACE = (DISTILBERT,)
