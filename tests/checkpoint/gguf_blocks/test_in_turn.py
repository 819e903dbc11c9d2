"""Rows that make up for nothing in each other, rounded some at a time."""

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

from eigenlm.checkpoint.gguf_blocks import encode_in_turn, in_turn
from eigenlm.checkpoint.gguf_blocks.packing import packed
from eigenlm.linalg.error_feedback import feedback


@pytest.mark.parametrize("name", ["MXFP4", "Q4_0", "IQ4_NL", "Q4_1", "Q2_K", "Q3_K", "Q4_K", "IQ4_XS", "IQ3_S"])
def test_steps_that_are_taken_are_those_that_gguf_reads(name: str) -> None:
    kind = GGMLQuantizationType[name]
    grid, (size, _), draw = in_turn._GRIDS[name], GGML_QUANT_SIZES[kind], np.random.default_rng(0)
    W = torch.randn(24, size, generator=torch.Generator().manual_seed(1)) * torch.logspace(-3, 3, 24)[:, None]
    block = grid.fit(W.numpy(), np.ones(size, np.float32))
    first, between, last = block.ladder()
    assert np.array_equal(
        block.steps(), first + between * np.rint((block.steps() - first) / np.where(between, between, 1))
    )
    taken = (first + between * draw.integers(0, last + 1, block.steps().shape)).astype(np.float32)
    block.climb(taken)
    np.testing.assert_allclose(block.steps(), taken, rtol=1e-6)
    group = size // taken.shape[1]
    meant = taken.repeat(group, 1) * grid.values[block.codes] - block.lows().repeat(group, 1)
    np.testing.assert_allclose(dequantize(packed(name, block), kind), meant, rtol=1e-5, atol=1e-9)
    assert (last > 0) == (name != "MXFP4")


@pytest.mark.parametrize("name", ["MXFP4", "Q4_1", "Q5_0"])
def test_how_many_rows_are_rounded_at_once_changes_no_byte(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(0)
    W, x = torch.randn(37, 64, generator=draw), torch.randn(100, 64, generator=draw)
    given = feedback(x.mT @ x / 100), feedback(torch.rand(37, generator=draw) + 0.1)
    whole = encode_in_turn(W, *given, GGMLQuantizationType[name])
    monkeypatch.setattr(in_turn, "_ROWS", 5)
    assert np.array_equal(encode_in_turn(W, *given, GGMLQuantizationType[name]), whole)
    alone = [encode_in_turn(row[None], *given, GGMLQuantizationType[name]) for row in W]
    assert np.array_equal(np.concatenate(alone), whole)
