"""GPT-2 in its own sizes: learned positions, LayerNorm before each part, GELU by tanh; 124M parameters at depth 12.

eigenlm train gpt2 --text corpus.parquet --cluster "8x H200" --dry-run
"""

from eigenlm.model import DenseFeedForward, SoftmaxConfig, TransformerConfig
from eigenlm.training import OptimizerRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe


def recipe(depth: int = 12) -> Recipe:
    """`depth` layers, 64 numbers wide a layer, heads of 64; half a million tokens a step."""
    width = 64 * depth
    return Recipe(
        name=f"gpt2-{depth}",
        model=TransformerConfig.uniform(
            vocab_size=50257,
            context_length=1024,
            d_model=width,
            num_layers=depth,
            attention=SoftmaxConfig(num_heads=depth, num_kv_heads=depth, head_dim=64, bias=True, output_bias=True),
            feed_forward=DenseFeedForward(d_ff=4 * width, activation="gelu_tanh"),
        ),
        tokenizer=TokenizerRecipe(vocab_size=50257),
        optimizer=OptimizerRecipe(learning_rate=6e-4),
        schedule=ScheduleRecipe(kind="cosine", warmup=700, final=0.1),
        train=TrainRecipe(steps=20000, batch_size=512, micro_batch_size=8, eval_every=500, save_every=500),
    )
