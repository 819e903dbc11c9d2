"""Small transformers of every family, and recipes around them."""

from eigenlm.model import (
    DenseFeedForward,
    EmbeddingConfig,
    NormConfig,
    PositionConfig,
    RotaryConfig,
    SlidingWindowConfig,
    SoftmaxConfig,
    TransformerConfig,
    VocabularyHead,
)
from eigenlm.training.recipe import DataRecipe, LayoutRecipe, OptimizerRecipe, Recipe, TrainRecipe

GPT_ATTENTION = SoftmaxConfig(num_heads=4, num_kv_heads=4, head_dim=16, bias=True, output_bias=True)
GROUPED = SoftmaxConfig(num_heads=4, num_kv_heads=2, head_dim=16)
SWIGLU = DenseFeedForward(d_ff=96, activation="silu", gated=True, bias=False)
RELU = DenseFeedForward(d_ff=96, activation="relu")
RMS, ROTARY, SINUSOIDAL = NormConfig(kind="rms"), RotaryConfig(), PositionConfig(kind="sinusoidal")


def transformer(**changes: object) -> TransformerConfig:
    """A GPT-2 of 3 layers and width 64, with changes."""
    parts: dict[str, object] = {
        "vocab_size": 300,
        "context_length": 160,
        "d_model": 64,
        "num_layers": 3,
        "attention": GPT_ATTENTION,
        "feed_forward": DenseFeedForward(d_ff=96, activation="gelu_tanh"),
    }
    return TransformerConfig.uniform(**{**parts, **changes})


LLAMA = transformer(attention=GROUPED, feed_forward=SWIGLU, norm=RMS, rotary=ROTARY, head=VocabularyHead(tied=False))
FAMILIES = {
    "gpt2": transformer(),
    "gpt2017": transformer(positions=SINUSOIDAL, feed_forward=RELU, norm_position="post", dropout=0.1),
    "llama": LLAMA,
    "qwen": transformer(
        attention=SoftmaxConfig(num_heads=4, num_kv_heads=4, head_dim=32, query_key_norm="head"),
        feed_forward=SWIGLU,
        norm=RMS,
        rotary=ROTARY,
    ),
    "bert": transformer(
        kind="encoder",
        norm_position="post",
        final_norm=False,
        embedding=EmbeddingConfig(num_token_types=2, norm=True),
        head=VocabularyHead(bias=True, transform="gelu"),
        pooler=True,
    ),
    "windowed": transformer(
        attention=SlidingWindowConfig(num_heads=4, num_kv_heads=2, head_dim=16, window=32), rotary=ROTARY
    ),
    "encoder_decoder": transformer(
        kind="encoder_decoder", num_encoder_layers=2, positions=SINUSOIDAL, feed_forward=RELU, norm_position="post"
    ),
}


def recipe(
    model: TransformerConfig | None = None,
    *,
    optimizer: OptimizerRecipe | None = None,
    layout: LayoutRecipe | None = None,
    **train: object,
) -> Recipe:
    """A recipe around a model, a GPT-2 by default."""
    model = transformer() if model is None else model
    objective = {"decoder": "next_token", "encoder": "masked", "encoder_decoder": "denoising"}[model.kind]
    return Recipe(
        name="test",
        model=model,
        data=DataRecipe(objective=objective),
        optimizer=optimizer or OptimizerRecipe(),
        layout=layout or LayoutRecipe(),
        train=TrainRecipe(**train),
    )


GPT3 = TransformerConfig.uniform(
    vocab_size=50257,
    context_length=2048,
    d_model=12288,
    num_layers=96,
    attention=SoftmaxConfig(num_heads=96, num_kv_heads=96, head_dim=128, bias=True, output_bias=True),
    feed_forward=DenseFeedForward(d_ff=49152),
)
