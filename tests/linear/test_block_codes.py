"""Codes of blocks against gguf's own reading of them."""

import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES

from eigenlm.linear import BlockLinear
from eigenlm.linear.block_codes import _FORMS, block_codes
from eigenlm.linear.blocks import bytes_of_row

TYPES = pytest.mark.parametrize("name", _FORMS)


def layer(name, columns, rows=9, dtype=torch.float32):
    kind = GGMLQuantizationType[name]
    generator = torch.Generator().manual_seed(columns)
    blocks = torch.randint(0, 256, (rows, bytes_of_row(columns, kind)), dtype=torch.uint8, generator=generator)
    size = GGML_QUANT_SIZES[kind][1]
    for place in {"Q2_K": (80, 82), "Q3_K": (108,), "Q6_K": (208,)}.get(name, (0, 2) if name[-1] in "1K" else (0,)):
        blocks.view(-1, size)[:, place + 1] &= 0xB3  # float16 below 1: neither infinite nor NaN
    return BlockLinear.from_blocks(blocks, columns, int(kind), None, dtype)


@TYPES
@pytest.mark.parametrize("columns", [256, 288, 32])
def test_codes_tell_every_number_to_the_bit(name, columns):
    each = layer(name, columns)
    found = each.coded()
    assert found is not None
    assert torch.equal(found.dense(), each.dense())
    assert found.dense().abs().max() > 0


@TYPES
def test_types_of_four_bits_and_less_have_codes_of_four_bits(name):
    found = layer(name, 256).coded()
    assert found is not None
    fit = bool((found.codes >= 0).all() and (found.codes < 16).all())
    assert fit == (name in {"Q4_0", "Q4_1", "Q2_K", "Q3_K", "Q4_K"})


@TYPES
def test_cut_groups_and_steps_that_are_no_numbers_have_none(name):
    assert layer(name, 40).coded() is None
    kind = GGMLQuantizationType[name]
    blocks = torch.full((2, bytes_of_row(256, kind)), 0x7F, dtype=torch.uint8)  # NaN as float16, a power in MXFP4
    assert (block_codes(blocks, 256, int(kind), torch.float32) is None) == (name != "MXFP4")


@pytest.mark.parametrize("name", ["F32", "F16", "BF16", "TQ2_0"])
def test_other_types_have_none(name):
    kind = GGMLQuantizationType[name]
    blocks = torch.zeros(2, bytes_of_row(64, kind), dtype=torch.uint8)
    assert block_codes(blocks, 64, int(kind), torch.float32) is None
