"""A small Llama: rotary positions, RMSNorm, SwiGLU, shared key/value heads; its matrices are trained by Muon.

eigenlm train llama --text my.txt --depth 4
"""

from eigenlm.model import DenseFeedForward, NormConfig, RotaryConfig, SoftmaxConfig, TransformerConfig
from eigenlm.training import OptimizerRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe


def recipe(depth: int = 4) -> Recipe:
    """`depth` layers, 64 numbers wide a layer and at least 128, two query heads of 32 to each key/value head."""
    width = max(128, 64 * depth)
    heads = width // 32
    return Recipe(
        name=f"llama-{depth}",
        model=TransformerConfig.uniform(
            vocab_size=4096,
            context_length=256,
            d_model=width,
            num_layers=depth,
            attention=SoftmaxConfig(num_heads=heads, num_kv_heads=heads // 2, head_dim=32),
            # SwiGLU has three matrices where others have two: 8/3 of the width takes as many numbers.
            feed_forward=DenseFeedForward(
                d_ff=64 * round(width * 8 / 3 / 64), activation="silu", gated=True, bias=False
            ),
            norm=NormConfig(kind="rms"),
            rotary=RotaryConfig(),
        ),
        tokenizer=TokenizerRecipe(vocab_size=4096),
        optimizer=OptimizerRecipe(kind="muon", learning_rate=2e-3, other_learning_rate=2e-3),
        schedule=ScheduleRecipe(warmup=50),
        train=TrainRecipe(steps=1000, batch_size=16),
    )
