"""A character GPT for one small book, such as Shakespeare's plays: minutes on two cores.

eigenlm train shakespeare --text tinyshakespeare.txt --depth 4
"""

from eigenlm.model import DenseFeedForward, SoftmaxConfig, TransformerConfig
from eigenlm.training import DataRecipe, OptimizerRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe


def recipe(depth: int = 4) -> Recipe:
    """`depth` layers, 32 numbers wide a layer, heads of 32; at depth 4 the sizes of nanoGPT's for a CPU."""
    return Recipe(
        name=f"shakespeare-{depth}",
        model=TransformerConfig.uniform(
            vocab_size=128,
            context_length=64,
            d_model=32 * depth,
            num_layers=depth,
            attention=SoftmaxConfig(num_heads=depth, num_kv_heads=depth, head_dim=32),
            feed_forward=DenseFeedForward(d_ff=128 * depth, activation="gelu", bias=False),
        ),
        tokenizer=TokenizerRecipe(kind="character", vocab_size=128),
        data=DataRecipe(validation=0.1),
        optimizer=OptimizerRecipe(learning_rate=2e-3),
        schedule=ScheduleRecipe(warmup=100),
        train=TrainRecipe(steps=2000, batch_size=12, eval_every=250, save_every=250, sample_every=500),
    )
