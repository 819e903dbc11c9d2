"""What is written of a model's layers, whose form is the same in all or differs in windows alone."""

from typing import Any, TypeVar

from eigenlm.attention import SoftmaxConfig
from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading, shared_width
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.errors import ConfigError, explain
from eigenlm.model import DenseFeedForward, TransformerConfig, VocabularyHead
from eigenlm.tagged import Tagged

K = TypeVar("K", bound=Tagged)
HEAD_DIM = "layer.attention.head_dim"


def softmax_of(config: TransformerConfig) -> SoftmaxConfig:
    """The attention of the first layer, for what is the same in all."""
    return _of_kind(config.layers[0].attention, SoftmaxConfig)


def dense_of(config: TransformerConfig) -> DenseFeedForward:
    """The feed-forward of the first layer, for what is the same in all."""
    return _of_kind(config.layers[0].feed_forward, DenseFeedForward)


def vocabulary_of(config: TransformerConfig) -> VocabularyHead | None:
    """The head, None where there is none."""
    return None if config.head is None else _of_kind(config.head, VocabularyHead)


def _of_kind(config: Tagged, kind: type[K]) -> K:
    if not isinstance(config, kind):
        raise ConfigError(explain("naming a layer", expected=kind.kind, got=config.kind))
    return config


def _heads_of_the_stream(file: FileReading) -> dict[str, Any]:
    width = shared_width(file.ours["d_model"], file.ours["layer.attention.num_heads"])
    if file.ours[HEAD_DIM] != width:
        raise Refusal(f"heads of width {width}", file.ours[HEAD_DIM])
    return {}


HEADS_OF_THE_STREAM = FamilyPart(_heads_of_the_stream)
