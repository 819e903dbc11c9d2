"""One transformer and the parts it is built from."""

from eigenlm.linear import DenseLinear, InterpolativeLinear, LowRankLinear, ThinLinear
from eigenlm.model.attention import AttentionConfig, CrossAttention, MultiHeadAttention
from eigenlm.model.block import Block, Memory
from eigenlm.model.config import EmbeddingConfig, HeadConfig, TransformerConfig
from eigenlm.model.feed_forward import FeedForward, FeedForwardConfig
from eigenlm.model.positions import PositionConfig
from eigenlm.model.transformer import Transformer
from eigenlm.norms import NormConfig

__all__ = [
    "AttentionConfig",
    "Block",
    "CrossAttention",
    "DenseLinear",
    "EmbeddingConfig",
    "FeedForward",
    "FeedForwardConfig",
    "HeadConfig",
    "InterpolativeLinear",
    "LowRankLinear",
    "Memory",
    "MultiHeadAttention",
    "NormConfig",
    "PositionConfig",
    "ThinLinear",
    "Transformer",
    "TransformerConfig",
]
