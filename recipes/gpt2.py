"""GPT-2: learned positions, LayerNorm before each part, GELU.

eigenlm train recipes/gpt2.py --text my.txt --depth 4
"""

from eigenlm.model import AttentionConfig, FeedForwardConfig, TransformerConfig
from eigenlm.train import OptimizerRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe


def recipe(depth: int = 4) -> Recipe:
    """`depth` layers, 64 numbers wide a layer and at least 128, heads of 64; depth 12 has the sizes of GPT-2 small."""
    width = max(128, 64 * depth)
    heads = width // 64
    return Recipe(
        name=f"gpt2-{depth}",
        model=TransformerConfig(
            vocab_size=50257 if depth >= 12 else 4096,
            context_length=1024 if depth >= 12 else 256,
            d_model=width,
            num_layers=depth,
            attention=AttentionConfig(num_heads=heads, num_kv_heads=heads, head_dim=64, bias=True, output_bias=True),
            feed_forward=FeedForwardConfig(d_ff=4 * width, activation="gelu_tanh"),
        ),
        tokenizer=TokenizerRecipe(vocab_size=50257 if depth >= 12 else 4096),
        optimizer=OptimizerRecipe(learning_rate=6e-4 if depth >= 12 else 1e-3),
        schedule=ScheduleRecipe(kind="cosine", warmup=100, final=0.1),
        train=TrainRecipe(steps=1000, batch_size=16),
    )
