"""Attention kinds, one file each, behind one contract; their naive twin, the places of tokens, the decoding state."""

from eigenlm.attention.contract import Attention, AttentionConfig
from eigenlm.attention.cross import CrossAttention, Memory
from eigenlm.attention.exact import softmax_attention
from eigenlm.attention.linear import LinearAttentionConfig
from eigenlm.attention.naive import attention_weights, naive_attention
from eigenlm.attention.place import Place
from eigenlm.attention.relative_bias import RelativeBiasConfig
from eigenlm.attention.rotary import RotaryConfig
from eigenlm.attention.scores import Scores
from eigenlm.attention.sliding_window import SlidingWindowConfig
from eigenlm.attention.softmax import MultiHeadAttention, SelfAttention, SoftmaxConfig
from eigenlm.attention.state import DecodingState
from eigenlm.attention.visibility import Visibility, visibility

__all__ = [
    "Attention",
    "AttentionConfig",
    "CrossAttention",
    "DecodingState",
    "LinearAttentionConfig",
    "Memory",
    "MultiHeadAttention",
    "Place",
    "RelativeBiasConfig",
    "RotaryConfig",
    "Scores",
    "SelfAttention",
    "SlidingWindowConfig",
    "SoftmaxConfig",
    "Visibility",
    "attention_weights",
    "naive_attention",
    "softmax_attention",
    "visibility",
]
