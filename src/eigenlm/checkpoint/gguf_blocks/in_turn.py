"""Rows of a matrix as blocks of a type, rounded for the Grams of its inputs and of its outputs' gradients."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import quantize
from jaxtyping import Float, UInt8
from torch import Tensor

from eigenlm.checkpoint.gguf_blocks.blocks import BlockGrid
from eigenlm.checkpoint.gguf_blocks.encode import SEARCHED
from eigenlm.checkpoint.gguf_blocks.packing import packed
from eigenlm.checkpoint.gguf_blocks.points import POINTS
from eigenlm.linalg.coordinate_descent import descend
from eigenlm.linalg.error_feedback import Feedback, round_in_turn

_GRIDS: dict[str, BlockGrid] = SEARCHED | POINTS
_MANY_BITS = 5  # from which on so little is lost that codes stay where rounding has put them
_ROWS = 4096  # that are rounded at once, where none makes up for another


def encode_in_turn(
    W: Float[Tensor, "m n"], inputs: Feedback, outputs: Feedback, kind: GGMLQuantizationType
) -> UInt8[np.ndarray, "m bytes"]:
    """Rows as bytes of a type, numbers rounded in turn and then, if of few bits, moved (`linalg.coordinate_descent`).

    Args:
        W: on the processor; the last block of a row is padded with zeros.
        inputs: of the Gram of its inputs.
        outputs: of the Gram of its outputs' gradients; of a diagonal where rows make up for nothing.
        kind: the type; of one whose steps are not searched for, numbers are rounded one by one.
    """
    size, num_bytes = GGML_QUANT_SIZES[kind]
    padding = -W.shape[1] % size
    wide, inputs = F.pad(W.float(), (0, padding)), _padded(inputs, padding)
    if kind.name not in _GRIDS:
        return quantize(wide.numpy(), kind)
    grid, tuples = _GRIDS[kind.name], POINTS[kind.name].tuples if kind.name in POINTS else None

    def bytes_of(rows: Tensor) -> np.ndarray:
        blocks = list(round_in_turn(rows, inputs, outputs, size, grid.values, grid.fit, tuples))
        if 8 * num_bytes < _MANY_BITS * size:
            descend(rows, blocks, inputs, outputs, grid.values, tuples=tuples)
        return np.concatenate([packed(kind.name, block) for block in blocks], axis=1)

    if len(outputs.passed_on):
        return bytes_of(wide)
    parts = max(torch.get_num_threads(), -(-len(wide) // _ROWS))
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return np.concatenate(list(pool.map(bytes_of, wide.tensor_split(min(parts, len(wide))))))


def _padded(given: Feedback, padding: int) -> Feedback:
    """With inputs that are never there: their errors count for nothing, and nothing is passed on to them."""
    if not padding:
        return given
    R = torch.block_diag(given.passed_on, torch.eye(padding, dtype=given.passed_on.dtype))
    return Feedback(F.pad(given.weights, (0, padding)), R)
