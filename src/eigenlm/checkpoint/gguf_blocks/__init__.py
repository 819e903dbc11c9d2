"""Numbers rounded as GGUF's types hold them, with the very bits of llama.cpp's own quantization."""

from eigenlm.checkpoint.gguf_blocks.encode import SEARCHED, encode
from eigenlm.checkpoint.gguf_blocks.in_turn import encode_in_turn

__all__ = ["SEARCHED", "encode", "encode_in_turn"]
