"""Blocks of GGUF's types against the bytes that llama.cpp makes of the same numbers, and gguf's own reader."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType
from gguf.quants import dequantize
from odd_rows import importance, odd_rows

from eigenlm.checkpoint.gguf_blocks import SEARCHED, encode
from eigenlm.checkpoint.gguf_blocks.packing import packed

# SHA-256 of each row as `ggml_quantize_chunk` of llama.cpp (llama-cpp-python 0.3.36) rounded `odd_rows`.
THEIRS = json.loads((Path(__file__).parent / "of_llama_cpp.json").read_text())


@pytest.mark.parametrize("knowing", ["plain", "informed"])
@pytest.mark.parametrize("kind", THEIRS)
def test_every_row_has_the_bytes_of_llama_cpp(kind, knowing):
    rows = encode(odd_rows(), GGMLQuantizationType[kind], importance() if knowing == "informed" else None)
    ours = [hashlib.sha256(row.tobytes()).hexdigest()[:16] for row in rows]
    assert ours == THEIRS[kind][knowing]


def test_the_bytes_are_known_for_every_type_that_is_searched():
    assert SEARCHED.keys() == THEIRS.keys()


@pytest.mark.parametrize("kind", SEARCHED)
def test_blocks_say_what_gguf_reads(kind):
    x = odd_rows()[[0, 4, 5, 10, 11]]
    grid = SEARCHED[kind]
    blocks = grid.fit(x, importance())
    group = blocks.codes.shape[1] // blocks.scales.shape[1]
    steps, lows = (np.repeat(each, group, axis=1) for each in (blocks.steps(), blocks.lows()))
    ours = (steps * grid.values[blocks.codes] - lows).reshape(x.shape)
    theirs = dequantize(packed(kind, blocks).reshape(len(x), -1), GGMLQuantizationType[kind])
    assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", SEARCHED)
def test_inputs_that_are_important_are_rounded_better(kind):
    x, w = odd_rows()[:1].repeat(64, 0), importance()
    x = np.random.default_rng(0).permuted(x, axis=1)
    kind = GGMLQuantizationType[kind]
    errors = [((dequantize(encode(x, kind, known), kind) - x) ** 2 @ w).mean() for known in (None, w)]
    assert errors[1] < 1.001 * errors[0]


def test_mxfp4_takes_the_power_of_two_that_loses_least():
    x = odd_rows()
    grid = SEARCHED["MXFP4"]
    blocks = grid.fit(x, None)
    found = ((blocks.steps() * grid.values[blocks.codes] - x.reshape(-1, 32)) ** 2).sum(axis=1)
    numbers = x.reshape(-1, 32, 1).astype(np.float64)
    tried = [((2.0**power * grid.values - numbers) ** 2).min(axis=2).sum(axis=1) for power in range(-40, 20)]
    assert np.allclose(found, np.min(tried, axis=0), rtol=1e-5, atol=1e-30)
