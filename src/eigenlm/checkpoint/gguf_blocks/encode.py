"""Rows of a matrix as blocks of a type."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import quantize
from jaxtyping import Float32, UInt8

from eigenlm.checkpoint.gguf_blocks.affine import AFFINE
from eigenlm.checkpoint.gguf_blocks.microscaling import MICROSCALED
from eigenlm.checkpoint.gguf_blocks.packing import packed
from eigenlm.checkpoint.gguf_blocks.symmetric import SYMMETRIC
from eigenlm.checkpoint.gguf_blocks.table import TABLE

_INFORMED = AFFINE | SYMMETRIC | TABLE
SEARCHED = _INFORMED | MICROSCALED
"""Types whose steps are searched for as llama.cpp does."""
_AT_ONCE = 1 << 16  # numbers that a thread takes


def encode(
    x: Float32[np.ndarray, "rows n"], kind: GGMLQuantizationType, importance: Float32[np.ndarray, " n"] | None = None
) -> UInt8[np.ndarray, "rows bytes"]:
    """Rows as bytes of a type of GGUF, bit for bit what llama.cpp makes of them.

    Args:
        x: rows whose length is a multiple of the type's block.
        kind: the type.
        importance: the mean square of each input, by which errors count; MXFP4, Q8_0 and wider types make no use of it.
    """
    block, _ = GGML_QUANT_SIZES[kind]
    grid = _INFORMED.get(kind.name)
    if grid is None or (importance is None and block == 32 and kind.name not in TABLE):
        return quantize(x, kind)
    rows = max(1, _AT_ONCE // x.shape[1])
    parts = [x[start : start + rows] for start in range(0, len(x), rows)]

    def bytes_of(part: np.ndarray) -> np.ndarray:
        return packed(kind.name, grid.fit(part, importance)).reshape(len(part), -1)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return np.concatenate(list(pool.map(bytes_of, parts)))
