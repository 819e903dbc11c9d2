"""The Transformer of 2017, encoder and decoder, taught to fill in missing spans of text.

eigenlm train encoder_decoder --text my.txt --depth 3
"""

from eigenlm.model import DenseFeedForward, EmbeddingConfig, PositionConfig, SoftmaxConfig, TransformerConfig
from eigenlm.training import DataRecipe, OptimizerRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe


def recipe(depth: int = 3) -> Recipe:
    """`depth` layers in each stack, 64 numbers wide a layer and at least 128, heads of 32."""
    width = max(128, 64 * depth)
    heads = width // 32
    return Recipe(
        name=f"encoder-decoder-{depth}",
        model=TransformerConfig.uniform(
            kind="encoder_decoder",
            vocab_size=4096,
            context_length=256,
            d_model=width,
            num_layers=depth,
            num_encoder_layers=depth,
            attention=SoftmaxConfig(num_heads=heads, num_kv_heads=heads, head_dim=32, bias=True, output_bias=True),
            feed_forward=DenseFeedForward(d_ff=4 * width, activation="relu"),
            positions=PositionConfig(kind="sinusoidal"),
            embedding=EmbeddingConfig(scale=width**0.5),
        ),
        tokenizer=TokenizerRecipe(vocab_size=4096),
        data=DataRecipe(objective="denoising"),
        optimizer=OptimizerRecipe(learning_rate=1e-3),
        schedule=ScheduleRecipe(warmup=100),
        train=TrainRecipe(steps=1000, batch_size=16, label_smoothing=0.1),
    )
