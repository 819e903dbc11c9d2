"""A GPT for one machine, with the parts of GPT-2: learned positions, LayerNorm before each part,
GELU as GPT-2 approximates it.

eigenlm train gpt_small --text my.txt --depth 4
"""

from eigenlm.model import DenseFeedForward, SoftmaxConfig, TransformerConfig
from eigenlm.training import OptimizerRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe


def recipe(depth: int = 4) -> Recipe:
    """`depth` layers, 64 numbers wide a layer and at least 128, heads of 64; 4M parameters at depth 4."""
    width = max(128, 64 * depth)
    heads = width // 64
    return Recipe(
        name=f"gpt-small-{depth}",
        model=TransformerConfig.uniform(
            vocab_size=4096,
            context_length=256,
            d_model=width,
            num_layers=depth,
            attention=SoftmaxConfig(num_heads=heads, num_kv_heads=heads, head_dim=64, bias=True, output_bias=True),
            feed_forward=DenseFeedForward(d_ff=4 * width, activation="gelu_tanh"),
        ),
        tokenizer=TokenizerRecipe(vocab_size=4096),
        optimizer=OptimizerRecipe(learning_rate=1e-3),
        schedule=ScheduleRecipe(kind="cosine", warmup=100, final=0.1),
        train=TrainRecipe(steps=1000, batch_size=16),
    )
