"""A recipe of the parts that ranks may share: heads of two kinds of attention, feed-forward layers."""

from eigenlm.attention import LinearAttentionConfig
from eigenlm.model import DenseFeedForward, LayerConfig, SoftmaxConfig, TransformerConfig
from eigenlm.training import Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe

HEADS = {"num_heads": 2, "num_kv_heads": 2, "head_dim": 16}


def recipe(depth: int = 2) -> Recipe:
    """21 steps: two readings, a spectrum, evaluations, samples and saves; the rest is as a recipe leaves it."""
    return Recipe(
        name="mixed",
        model=TransformerConfig(
            vocab_size=300,
            context_length=16,
            d_model=32,
            num_layers=depth,
            pattern=(
                LayerConfig(
                    attention=SoftmaxConfig(**HEADS, bias=True, query_key_norm="head"),
                    feed_forward=DenseFeedForward(d_ff=64),
                ),
                LayerConfig(
                    attention=LinearAttentionConfig(**HEADS),
                    feed_forward=DenseFeedForward(d_ff=62, activation="silu", gated=True),
                ),
            ),
        ),
        tokenizer=TokenizerRecipe(vocab_size=300),
        schedule=ScheduleRecipe(warmup=10),
        train=TrainRecipe(
            steps=21, batch_size=4, precision="float32", eval_every=10, eval_tokens=300, save_every=7, sample_every=10
        ),
    )
