"""What families of encoder-decoders share."""

from collections.abc import Mapping
from typing import Any


def both_stacks(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of every layer of the decoder and of every layer of the encoder."""
    return {f"{stack}.{name}": value for stack in ("layer", "encoder_layer") for name, value in fields.items()}


def attentions(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the attention of both stacks, and of that of the decoder to the encoder."""
    cross = {f"layer.cross_attention.{name}": value for name, value in fields.items()}
    return {**both_stacks({f"attention.{name}": value for name, value in fields.items()}), **cross}
