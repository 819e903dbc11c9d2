"""The few bits of a GGUF file, found again by what runs the dense model that was read from it."""

import copy

import pytest
import torch

from eigenlm import allowed
from eigenlm.checkpoint import read_model, write_gguf
from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linear.as_read import few_bits
from eigenlm.model import DenseFeedForward, NormConfig, RotaryConfig, SoftmaxConfig, Transformer, TransformerConfig

TYPES = pytest.mark.parametrize("storage", [name for name in allowed.GGUF_MIXTURES if "K_S" not in name])


def model():
    torch.manual_seed(0)
    return Transformer(
        TransformerConfig.uniform(
            vocab_size=60,
            context_length=64,
            d_model=256,
            num_layers=1,
            attention=SoftmaxConfig(num_heads=4, num_kv_heads=2, head_dim=64, bias=False, output_bias=False),
            feed_forward=DenseFeedForward(d_ff=288, activation="silu", gated=True, bias=False),
            norm=NormConfig(kind="rms"),
            rotary=RotaryConfig(),
        )
    )


def read(folder, storage):
    write_gguf(folder / "m.gguf", model(), storage=storage)
    return read_model(folder / "m.gguf")


@TYPES
def test_codes_tell_the_matrices_that_were_read(tmp_path, storage):
    found = read(tmp_path, storage)
    assert storage.removesuffix("_M").removesuffix("_L") in found.storage
    for name, W in found.model.named_parameters():
        if W.ndim == 2:
            codes = few_bits(W)
            assert isinstance(codes, CodedMatrix), name
            assert torch.equal(codes.dense(), W)


def test_in_another_type_too(tmp_path):
    write_gguf(tmp_path / "m.gguf", model(), storage="Q3_K_M")
    W = read_model(tmp_path / "m.gguf", dtype=torch.bfloat16).model.blocks[0].attention.query.weight
    codes = few_bits(W)
    assert codes is not None
    assert codes.dense().dtype == torch.bfloat16
    assert torch.equal(codes.dense(), W)


def test_a_matrix_that_changed_has_none(tmp_path):
    W = read(tmp_path, "Q3_K_M").model.blocks[0].attention.query.weight
    with torch.no_grad():
        W[3, 5] += 1
    assert few_bits(W) is None


def test_a_file_that_was_replaced_or_cut_is_no_matter(tmp_path):
    layer = read(tmp_path, "Q3_K_M").model.blocks[0].attention.query
    (tmp_path / "m.gguf").rename(tmp_path / "old.gguf")
    (tmp_path / "m.gguf").write_bytes(b"another")
    assert few_bits(layer.weight) is not None
    with (tmp_path / "old.gguf").open("r+b") as file:
        file.truncate(1000)
    assert few_bits(layer.weight) is None


def test_copies_know_of_no_file(tmp_path):
    W = read(tmp_path, "Q3_K_M").model.blocks[0].attention.query.weight
    torch.save(W, tmp_path / "W.pt")
    for twin in (copy.deepcopy(W), torch.load(tmp_path / "W.pt", weights_only=True)):
        assert torch.equal(twin, W)
        assert few_bits(twin) is None
