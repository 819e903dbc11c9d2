"""Attention kinds, each a function of queries, keys and values, with a naive twin and a decoding state."""

from eigenlm.attention.mask import Visibility, visibility
from eigenlm.attention.naive import naive_attention
from eigenlm.attention.softmax import softmax_attention
from eigenlm.attention.state import DecodingState, LayerState

__all__ = ["DecodingState", "LayerState", "Visibility", "naive_attention", "softmax_attention", "visibility"]
