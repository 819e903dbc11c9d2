"""Weights that a narrower type does not hold are refused; those that it holds, however unevenly, are written."""

import itertools
import shutil

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from safetensors.torch import load_file, save_file

from eigenlm.checkpoint import read_model, write_gguf, write_hugging_face
from eigenlm.checkpoint.narrowing import check_narrowed, surely_held
from eigenlm.errors import CheckpointError

DOWN = "model.layers.0.mlp.down_proj.weight"


def outlier(value):
    def change(W):
        W[0, 0] = value

    return change


def shrink(W):
    W *= 1e-9


@pytest.fixture
def spoiled(tiny_model, tmp_path):
    """A copy of the model with one matrix changed."""

    def make(change):
        model = shutil.copytree(tiny_model, tmp_path / "model")
        tensors = load_file(model / "model.safetensors")
        change(tensors[DOWN])
        save_file(tensors, model / "model.safetensors")
        return model

    return make


@pytest.mark.parametrize(
    ("storage", "change"),
    [("F16", outlier(7e4)), ("Q4_1", outlier(7e6)), ("Q8_0", outlier(9e6)), ("BF16", outlier(3.4e38))]
    + [(storage, shrink) for storage in ("F16", "Q8_0", "Q4_0", "Q4_1")],
)
def test_gguf_names_the_tensor_and_the_type(spoiled, tmp_path, storage, change):
    model = read_model(spoiled(change)).model
    with pytest.raises(CheckpointError, match=rf"tensor blk\.0\.ffn_down\.weight: .* {storage} holds"):
        write_gguf(tmp_path / "out.gguf", model, storage=storage)
    assert not list(tmp_path.glob("*out.gguf*"))


@pytest.mark.parametrize("change", [outlier(7e4), shrink])
def test_half_precision_names_the_tensor_and_the_type(spoiled, change):
    with pytest.raises(CheckpointError, match=r"tensor blocks\.0\.feed_forward\.down\.weight: .* float16 holds"):
        read_model(spoiled(change), dtype=torch.float16)


def test_bfloat16_holds_what_float32_does(spoiled, tmp_path):
    small = read_model(spoiled(shrink), dtype=torch.bfloat16)
    write_hugging_face(tmp_path / "hf", small.model)
    assert load_file(tmp_path / "hf" / "model.safetensors")[DOWN].abs().max() > 1e-10


@pytest.mark.parametrize("storage", ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
def test_what_a_type_rounds_most_is_still_held(storage):
    """One large number, and 31 half a step beside it; and numbers of very different sizes."""
    steps = {"Q8_0": 127, "Q4_0": 8, "Q4_1": 15}.get(storage, 2048)
    worst = np.full((4, 32), 0.5 / steps, np.float32)
    worst[:, 0] = [1.0, -1.0, 1e-3, 1e3]
    worst[2:] *= [[1e-3], [1e3]]
    worst[2:, 0] = [1e-3, 1e3]
    mixed = np.random.default_rng(0).standard_cauchy((64, 64)).astype(np.float32)
    for numbers in (worst, mixed):
        kind = GGMLQuantizationType[storage]
        back = dequantize(quantize(numbers, kind), kind)
        check_narrowed("W", torch.from_numpy(numbers), torch.from_numpy(back), storage)
        with pytest.raises(CheckpointError, match="tensor W: "):
            check_narrowed("W", torch.from_numpy(numbers), torch.zeros(numbers.shape), storage)


@pytest.mark.parametrize("storage", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
def test_what_is_not_read_back_is_held(storage):
    """Of matrices of every size of numbers, with and without an outlier; the usual ones are not read back."""
    draw, kind = np.random.default_rng(0), GGMLQuantizationType[storage]
    unread = []
    for scale, outlier in itertools.product(10.0 ** np.arange(-38, 38), (1.0, 1e4)):
        numbers = (draw.standard_normal((8, 64)) * scale).clip(-1e38, 1e38).astype(np.float32)
        numbers[0, 0] *= outlier if abs(numbers[0, 0]) < 1e33 else 1.0
        if surely_held(torch.from_numpy(numbers), storage):
            unread.append(scale)
            back = dequantize(quantize(numbers, kind), kind)
            check_narrowed("W", torch.from_numpy(numbers), torch.from_numpy(back), storage)
    assert {1e-2, 1e-1, 1.0} <= set(unread)
    assert storage == "F32" or len(unread) < 150
