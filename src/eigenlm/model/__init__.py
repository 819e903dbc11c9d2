"""One transformer and the parts it is built from."""

from eigenlm.attention import AttentionConfig, Memory, RotaryConfig, SelfAttention, SlidingWindowConfig, SoftmaxConfig
from eigenlm.linear import DenseLinear, InterpolativeLinear, LowRankLinear
from eigenlm.model.block import Block
from eigenlm.model.config import EmbeddingConfig, TransformerConfig, shortest_pattern
from eigenlm.model.feed_forward import DenseFeedForward, FeedForward, FeedForwardConfig, GatedFeedForward
from eigenlm.model.head_config import ClassifierHead, HeadConfig, VocabularyHead
from eigenlm.model.layer import LayerConfig
from eigenlm.model.mixture import Mixture, MixtureConfig
from eigenlm.model.positions import PositionConfig
from eigenlm.model.transformer import Transformer
from eigenlm.norms import NormConfig

__all__ = [
    "AttentionConfig",
    "Block",
    "ClassifierHead",
    "DenseFeedForward",
    "DenseLinear",
    "EmbeddingConfig",
    "FeedForward",
    "FeedForwardConfig",
    "GatedFeedForward",
    "HeadConfig",
    "InterpolativeLinear",
    "LayerConfig",
    "LowRankLinear",
    "Memory",
    "Mixture",
    "MixtureConfig",
    "NormConfig",
    "PositionConfig",
    "RotaryConfig",
    "SelfAttention",
    "SlidingWindowConfig",
    "SoftmaxConfig",
    "Transformer",
    "TransformerConfig",
    "VocabularyHead",
    "shortest_pattern",
]
