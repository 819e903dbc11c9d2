"""BERT: an encoder that guesses hidden words.

eigenlm train bert --text my.txt --depth 4
"""

from eigenlm.model import (
    DenseFeedForward,
    EmbeddingConfig,
    NormConfig,
    SoftmaxConfig,
    TransformerConfig,
    VocabularyHead,
)
from eigenlm.training import DataRecipe, OptimizerRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe


def recipe(depth: int = 4) -> Recipe:
    """`depth` layers, 64 numbers wide a layer and at least 128, heads of 64; depth 12 has the sizes of BERT base."""
    width = max(128, 64 * depth)
    heads = width // 64
    return Recipe(
        name=f"bert-{depth}",
        model=TransformerConfig.uniform(
            kind="encoder",
            vocab_size=4096,
            context_length=128,
            d_model=width,
            num_layers=depth,
            attention=SoftmaxConfig(num_heads=heads, num_kv_heads=heads, head_dim=64, bias=True, output_bias=True),
            feed_forward=DenseFeedForward(d_ff=4 * width, activation="gelu"),
            norm=NormConfig(eps=1e-12),
            norm_position="post",
            final_norm=False,
            embedding=EmbeddingConfig(num_token_types=2, norm=True),
            head=VocabularyHead(bias=True, transform="gelu"),
        ),
        tokenizer=TokenizerRecipe(kind="wordpiece", vocab_size=4096),
        data=DataRecipe(objective="masked"),
        optimizer=OptimizerRecipe(learning_rate=1e-3, weight_decay=0.01),
        schedule=ScheduleRecipe(kind="linear", warmup=100),
        train=TrainRecipe(steps=1000, batch_size=32),
    )
