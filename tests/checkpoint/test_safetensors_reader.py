"""Tensors of safetensors files against the library that the format comes from, and files that change."""

import json
import os
import struct

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from eigenlm.analysis import analyze
from eigenlm.checkpoint.safetensors_reader import _TYPES, SafetensorsFiles
from eigenlm.errors import CheckpointError, DataError


@pytest.mark.parametrize("kind", _TYPES)
def test_every_type_and_size_is_what_safetensors_reads(kind, tmp_path):
    path, dtype = tmp_path / "w.safetensors", _TYPES[kind]
    numbers = torch.randint(0, 2, (9, 8, dtype.itemsize), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    W = numbers.reshape(9, -1).view(dtype)
    save_file({"W": W, "none": W[:0].clone(), "cube": W.reshape(3, 3, 8).clone(), "v": W[0].clone()}, path)
    read = SafetensorsFiles([path])
    with safe_open(path, framework="pt") as theirs:
        for name in theirs.keys():  # noqa: SIM118 (safe_open is no mapping)
            expected = theirs.get_tensor(name)
            assert (read[name].dtype, read[name].shape) == (dtype, expected.shape)
            assert torch.equal(read[name].reshape(-1).view(torch.uint8), expected.reshape(-1).view(torch.uint8))
            assert read.shape(name) == tuple(theirs.get_slice(name).get_shape())
            assert read.storage(name) == theirs.get_slice(name).get_dtype() == kind
            assert read.num_bytes(name) == expected.nbytes
    whole = read["W"].view(torch.uint8).reshape(9, 8, -1)
    for rows in (slice(2, 5), slice(1, None, 3), slice(0, 0)):
        assert torch.equal(read.part("W", rows).view(torch.uint8).reshape(-1), whole[rows].reshape(-1))
        for columns in (slice(3, 7), slice(4, 4), slice(None)):
            found = read.part("W", (rows, columns)).view(torch.uint8).reshape(-1)
            assert torch.equal(found, whole[rows, columns].reshape(-1))
    assert torch.equal(read.part("cube", slice(1, 3)).view(torch.uint8), read["cube"][1:3].view(torch.uint8))


def test_a_number_alone(tmp_path):
    save_file({"x": torch.tensor(3.0)}, tmp_path / "x.safetensors")
    read = SafetensorsFiles([tmp_path / "x.safetensors"])
    assert torch.equal(read["x"], torch.tensor(3.0))
    assert read.shape("x") == ()


def test_a_file_that_is_replaced_stays_and_one_that_is_cut_is_told(tmp_path):
    W, path = torch.randn(50, 40), tmp_path / "w.safetensors"
    save_file({"w": W}, path)
    read = SafetensorsFiles([path])
    save_file({"w": W + 1}, tmp_path / "new.safetensors")
    os.replace(tmp_path / "new.safetensors", path)
    assert torch.equal(read["w"], W)
    read = SafetensorsFiles([path])
    left = path.stat().st_size - 4000
    os.truncate(path, 4000)
    with pytest.raises(CheckpointError, match=f"expected {left} bytes at 4000, got the end of a cut file") as told:
        read["w"]
    assert "\n" not in str(told.value)


def test_a_type_that_torch_does_not_have_is_skipped(tmp_path):
    header = {"w": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}}
    header["six"] = {"dtype": "F6_E2M3", "shape": [4, 4], "data_offsets": [24, 36]}
    told = json.dumps(header).encode()
    numbers = torch.ones(3, 2).numpy().tobytes() + bytes(12)
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(told)) + told + numbers)
    found = analyze(tmp_path / "w.safetensors")
    assert [matrix.name for matrix in found.matrices] == ["w"]
    assert [(row.name, "got F6_E2M3" in row.reason) for row in found.skipped] == [("six", True)]
    with pytest.raises(DataError, match="six"):
        SafetensorsFiles([tmp_path / "w.safetensors"])["six"]
