"""Numbers rounded as GGUF's types hold them, with the very bits of llama.cpp's own quantization."""

from eigenlm.checkpoint.gguf_blocks.encode import SEARCHED, encode
from eigenlm.checkpoint.gguf_blocks.packing import packed

__all__ = ["SEARCHED", "encode", "packed"]
