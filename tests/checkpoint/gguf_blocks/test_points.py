"""Types whose codes are points of ggml's lists: read back by gguf, their numbers are those that were meant."""

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

from eigenlm.checkpoint.gguf_blocks import encode_in_turn
from eigenlm.checkpoint.gguf_blocks.packing import packed
from eigenlm.checkpoint.gguf_blocks.points import POINTS
from eigenlm.linalg.coordinate_descent import descend
from eigenlm.linalg.error_feedback import feedback, round_in_turn

TYPES = pytest.mark.parametrize("name", POINTS)


def drawn(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def grams(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    x, g = drawn(3 * columns, columns, 1) @ drawn(columns, columns, 2), drawn(3 * rows, rows, 3)
    return x.mT @ x, g.mT @ g


@TYPES
def test_gguf_reads_the_numbers_that_were_chosen(name: str) -> None:
    W, (C, G), grid = drawn(33, 512), grams(33, 512), POINTS[name]
    W[:, 256:] *= torch.logspace(-6, 4, 33)[:, None]
    W[3], W[4, :32] = 0, 0
    given = feedback(C), feedback(G, 1.0)
    blocks = list(round_in_turn(W, *given, 256, grid.values, grid.fit, grid.tuples))
    descend(W, blocks, *given, grid.values, tuples=grid.tuples)
    for block in blocks:
        meant = block.steps().repeat(grid.group, axis=1) * grid.values[block.codes]
        np.testing.assert_allclose(dequantize(packed(name, block), GGMLQuantizationType[name]), meant, rtol=1e-6)


@TYPES
def test_a_grid_of_the_type_is_nearly_found_again(name: str) -> None:
    kind, draw = GGMLQuantizationType[name], torch.Generator().manual_seed(5)
    size = GGML_QUANT_SIZES[kind][1]
    blocks = torch.randint(0, 256, (16, size), dtype=torch.uint8, generator=draw).numpy()
    blocks[:, :2] = 0, 0x38  # one half as float16
    W = torch.from_numpy(dequantize(blocks, kind))
    given = feedback(torch.ones(256)), feedback(torch.ones(16))
    again = torch.from_numpy(dequantize(encode_in_turn(W, feedback(torch.eye(256)), given[1], kind), kind))
    assert float((again - W).norm() / W.norm()) < 0.06


def test_a_list_of_points_is_nearer_than_whole_numbers_of_as_many_bits() -> None:
    W, ones = drawn(64, 1024), (feedback(torch.eye(1024)), feedback(torch.ones(64)))
    errors = {
        name: float((torch.from_numpy(dequantize(encode_in_turn(W, *ones, kind), kind)) - W).norm() / W.norm())
        for name in (*POINTS, "Q2_K", "Q3_K", "IQ4_XS")
        for kind in [GGMLQuantizationType[name]]
    }
    assert errors["IQ4_XS"] < errors["IQ3_S"] < 0.95 * errors["Q3_K"] < errors["IQ3_XXS"] < errors["IQ2_S"]
    assert errors["IQ2_S"] < errors["IQ2_XS"] < errors["IQ2_XXS"]
