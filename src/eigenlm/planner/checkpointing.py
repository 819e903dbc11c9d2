"""What is kept of a block when the rest is computed again."""

from eigenlm.model import TransformerConfig
from eigenlm.training.batch_sizes import Batch

_FLOAT32 = 4


def checkpointed(config: TransformerConfig, batch: Batch, number: int, checkpoint: str) -> float:
    """Bytes kept of all blocks of a micro-batch: block inputs and, if `selective`, attention and every second product.

    Args:
        config: of the model.
        batch: sizes.
        number: bytes of an activation.
        checkpoint: `selective` or `full`.
    """
    rows = batch.rows * config.num_layers + batch.texts * batch.source_tokens * config.num_encoder_layers
    if checkpoint == "full":
        return float(rows * config.d_model * number)
    a = config.attention
    attention = a.num_heads * (a.head_dim * number + _FLOAT32)
    kept = sum(width for width, _ in _products(config)[::2])
    return float(rows * ((config.d_model + kept) * number + attention))


def share_kept(config: TransformerConfig) -> float:
    """The part of a block's matrix operations whose results `selective` keeps."""
    products = [width * entries for width, entries in _products(config)]
    return sum(products[::2]) / sum(products)


def _products(config: TransformerConfig) -> list[tuple[int, int]]:
    """(outputs, inputs) of a block's products in the order of the forward pass."""
    D, a, F = config.d_model, config.attention, config.feed_forward.d_ff
    queries, keys = a.num_heads * a.head_dim, a.num_kv_heads * a.head_dim
    inner = [(F, D)] * (2 if config.feed_forward.activation == "swiglu" else 1)
    return [(queries, D), (keys, D), (keys, D), (D, queries), *inner, (D, F)]
