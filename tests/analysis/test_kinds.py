from dataclasses import dataclass

from eigenlm.analysis.kinds import by_kind
from eigenlm.attention import SoftmaxConfig
from eigenlm.model import DenseFeedForward, LayerConfig, Transformer, TransformerConfig


@dataclass(frozen=True)
class Row:
    name: str


def test_encoder_and_decoder_of_one_model_have_names_that_differ():
    attention = SoftmaxConfig(num_heads=2, num_kv_heads=2, head_dim=4)
    layer = LayerConfig(attention=attention, feed_forward=DenseFeedForward(d_ff=9))
    config = TransformerConfig(
        kind="encoder_decoder",
        vocab_size=11,
        context_length=8,
        d_model=8,
        num_layers=2,
        num_encoder_layers=2,
        pattern=(LayerConfig(attention=attention, cross_attention=attention, feed_forward=layer.feed_forward),),
        encoder_pattern=(layer,),
    )
    names = [name for name, p in Transformer(config).named_parameters() if p.ndim > 1]
    kinds = by_kind(map(Row, names))
    assert sum(map(len, kinds.values())) == len(names)
    assert {"encoder.attention.query.weight", "decoder.attention.query.weight"} <= set(kinds)
    alone = by_kind(Row(name) for name in names if not name.startswith("encoder"))
    assert "attention.query.weight" in alone
