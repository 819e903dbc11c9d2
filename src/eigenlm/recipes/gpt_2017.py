"""A GPT with the parts of 2017: sinusoidal positions, LayerNorm after each part, ReLU.

eigenlm train gpt_2017 --text my.txt --depth 4
"""

from eigenlm.model import DenseFeedForward, EmbeddingConfig, PositionConfig, SoftmaxConfig, TransformerConfig
from eigenlm.training import OptimizerRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe


def recipe(depth: int = 4) -> Recipe:
    """`depth` layers, 64 numbers wide a layer and at least 128, heads of 32; about 4M parameters at depth 4."""
    width = max(128, 64 * depth)
    return Recipe(
        name=f"gpt-2017-{depth}",
        model=TransformerConfig.uniform(
            vocab_size=4096,
            context_length=256,
            d_model=width,
            num_layers=depth,
            attention=SoftmaxConfig(
                num_heads=width // 32, num_kv_heads=width // 32, head_dim=32, bias=True, output_bias=True
            ),
            feed_forward=DenseFeedForward(d_ff=4 * width, activation="relu"),
            positions=PositionConfig(kind="sinusoidal"),
            embedding=EmbeddingConfig(scale=width**0.5),
            norm_position="post",
            final_norm=False,
        ),
        tokenizer=TokenizerRecipe(vocab_size=4096),
        optimizer=OptimizerRecipe(learning_rate=1e-3),
        schedule=ScheduleRecipe(warmup=100),
        train=TrainRecipe(steps=1000, batch_size=16),
    )
