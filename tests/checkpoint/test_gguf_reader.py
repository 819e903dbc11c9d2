"""Reading GGUF: every type against the gguf package, and files that lie."""

import struct
import tracemalloc
from pathlib import Path

import gguf_bytes as g
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize, quantize
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eigenlm.checkpoint.gguf_reader import GGUFFile
from eigenlm.errors import CheckpointError

F32, Q8_0 = GGMLQuantizationType.F32, GGMLQuantizationType.Q8_0
ENTRIES = [
    g.entry("general.architecture", g.STRING, "llama"),
    g.entry("a.u8", g.U8, 250),
    g.entry("a.i64", g.I64, -5),
    g.entry("a.f32", g.F32, 1e-5),
    g.entry("a.f64", g.F64, 0.1),
    g.entry("a.bool", g.BOOL, True),
    g.entry("a.words", g.ARRAY, (g.STRING, ["", "Ġthe", "日本"])),
    g.entry("a.numbers", g.ARRAY, (g.I32, [3, -1, 2])),
    g.entry("a.flags", g.ARRAY, (g.BOOL, [True, False])),
]
TENSORS = [g.tensor("plain", (4, 2), F32, 0), g.tensor("blocks", (32, 1), Q8_0, 32)]
DATA = np.arange(8, dtype="<f4").tobytes() + quantize(np.linspace(-1, 1, 32, dtype=np.float32)[None], Q8_0).tobytes()
GOOD = g.gguf(ENTRIES, TENSORS, DATA)


def opened(content: bytes, folder: Path) -> GGUFFile:
    path = folder / "file.gguf"
    path.write_bytes(content)
    return GGUFFile(path)


def refused(content: bytes, folder: Path, message: str = "reading") -> None:
    """One line, and no memory taken for what is not there."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=message) as caught:
            opened(content, folder)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_every_kind_of_value_and_the_sizes_of_tensors(tmp_path):
    file = opened(GOOD, tmp_path)
    assert file.metadata == {
        "general.architecture": "llama",
        "a.u8": 250,
        "a.i64": -5,
        "a.f32": 1e-5,
        "a.f64": 0.1,
        "a.bool": True,
        "a.words": ["", "Ġthe", "日本"],
        "a.numbers": [3, -1, 2],
        "a.flags": [True, False],
    }
    assert file.shape("plain") == (2, 4)
    assert torch.equal(file["plain"], torch.arange(8.0).reshape(2, 4))
    assert (file.storage("blocks"), file.num_bytes("blocks")) == ("Q8_0", 34)
    assert file["blocks"].allclose(torch.linspace(-1, 1, 32), atol=1 / 127)  # half a step of 8 bits


def test_a_tensor_is_a_fresh_copy(tmp_path):
    file = opened(GOOD, tmp_path)
    for name in file:
        file[name].zero_()
        assert file[name].abs().sum() > 0


@pytest.mark.parametrize("kind", GGMLQuantizationType, ids=lambda kind: kind.name)
def test_every_type_gives_the_values_of_the_gguf_package(kind, tmp_path):
    block, size = GGML_QUANT_SIZES[kind]
    rows = np.random.default_rng(0).integers(0, 60, (3, 2 * size), dtype=np.uint8)  # below 60: no NaN as a float
    file = opened(g.gguf([], [g.tensor("x", (2 * block, 3), kind, 0)], rows.tobytes()), tmp_path)
    assert (file.shape("x"), file.storage("x")) == ((3, 2 * block), kind.name)
    try:
        expected = dequantize(rows, kind)
    except NotImplementedError:
        with pytest.raises(CheckpointError, match=f"'x' as {kind.name}"):
            file["x"]
    else:
        assert torch.equal(file["x"], torch.from_numpy(expected.astype(np.float32)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", GGMLQuantizationType, ids=lambda kind: kind.name)
def test_numbers_that_are_not_finite_are_read_without_a_word(kind, tmp_path):
    block, size = GGML_QUANT_SIZES[kind]
    rows = np.array([0x7C, 0xFF, 0x00], dtype=np.uint8).repeat(size)  # infinite and NaN scales, and codes 0
    odd = np.tile(np.array([0x00, 0x7C], dtype=np.uint8), size)  # an infinite scale where half of its bytes are zeros
    file = opened(g.gguf([], [g.tensor("x", (block, 5), kind, 0)], np.concatenate([rows, odd]).tobytes()), tmp_path)
    try:
        found = file["x"]
    except CheckpointError:
        return
    assert found.shape == (5, block)


@pytest.mark.parametrize("where", [slice(2, 5), slice(1, None, 3), slice(0, 0), slice(None)])
def test_some_rows_of_a_tensor(where, tmp_path):
    numbers = quantize(np.random.default_rng(0).standard_normal((9, 64), dtype=np.float32), Q8_0)
    file = opened(g.gguf(ENTRIES, [g.tensor("blocks", (64, 9), Q8_0, 0)], numbers.tobytes()), tmp_path)
    assert torch.equal(file.part("blocks", where), file["blocks"][where])


def test_metadata_equals_the_gguf_package(tmp_path):
    file = opened(GOOD, tmp_path)
    theirs = GGUFReader(tmp_path / "file.gguf")
    for key, value in file.metadata.items():
        assert theirs.fields[key].contents() == (pytest.approx(value) if isinstance(value, float) else value)
    for place in theirs.tensors:
        assert tuple(place.shape[::-1]) == file.shape(place.name)
        assert place.n_bytes == file.num_bytes(place.name)


def test_cut_off_anywhere(tmp_path):
    for length in range(len(GOOD)):
        refused(GOOD[:length], tmp_path)


HUGE = 2**63 - 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"GGML" + GOOD[4:], "other content"),
        (g.gguf(version=1), "version 1"),
        (g.gguf(version=4), "version 4"),
        (struct.pack("<4sI", b"GGUF", 3 << 24), "big-endian"),
        (g.gguf(ENTRIES, TENSORS, DATA, counts=(HUGE, 9)), f"got {HUGE}"),
        (g.gguf(ENTRIES, TENSORS, DATA, counts=(2, HUGE)), f"got {HUGE}"),
        (g.gguf(ENTRIES, TENSORS, DATA, counts=(3, 9)), "expected"),
        (g.gguf(ENTRIES, TENSORS, DATA, counts=(2, 10)), "reading"),
        (g.gguf([struct.pack("<Q", HUGE) + b"a key"]), f"length of {HUGE}"),
        (g.gguf([g.string("k") + struct.pack("<IQ", g.STRING, 2**64 - 1)] * 9), "length of"),
        (g.gguf([g.string("k") + struct.pack("<IIQ", g.ARRAY, g.STRING, 2**24)]), "entries"),
        (g.gguf([g.string("k") + struct.pack("<IIQ", g.ARRAY, g.STRING, HUGE)]), "16777216"),
        (g.gguf([g.string("k") + struct.pack("<IIQ", g.ARRAY, g.F64, 2**24)]), "truncated"),
        (g.gguf([g.string("k") + struct.pack("<IIQ", g.ARRAY, g.ARRAY, 1) + bytes(32)]), "array of arrays"),
        (g.gguf([g.string("k") + struct.pack("<I", 13) + bytes(32)]), "value type, got 13"),
        (g.gguf([struct.pack("<Q", 2) + b"\xff\xfe" + bytes(32)]), "UTF-8"),
        (g.gguf([ENTRIES[1], ENTRIES[1]]), "'a.u8' twice"),
        (g.gguf([g.entry("general.alignment", g.U32, 0)]), "power of two"),
        (g.gguf([g.entry("general.alignment", g.U32, 48)]), "power of two"),
        (g.gguf([g.entry("general.alignment", g.STRING, "32")]), "power of two"),
        (g.gguf([], [g.tensor("x", (2**62, 2**62), F32, 0)], DATA), "within the file"),
        (g.gguf([], [g.tensor("x", (2**33, 2**33), F32, 0)], DATA), "within the file"),
        (g.gguf([], [g.tensor("x", (4, 0), F32, 0)], DATA), "whole F32 blocks"),
        (g.gguf([], [g.tensor("x", (), F32, 0)], DATA), "whole F32 blocks"),
        (g.gguf([], [g.tensor("x", (1,) * 5, F32, 0)], DATA), "at most 4"),
        (g.gguf([], [g.tensor("x", (4,), F32, 2**63)], DATA), "within the file"),
        (g.gguf([], [g.tensor("x", (4,), F32, 64)], DATA[:64]), "within the file"),
        (g.gguf([], [g.tensor("x", (4,), F32, 4)], DATA), "multiple of 32"),
        (g.gguf([], [g.tensor("x", (33,), Q8_0, 0)], DATA), "whole Q8_0 blocks"),
        (g.gguf([], [g.tensor("x", (4,), 4, 0)], DATA), "type 4"),
        (g.gguf([], [g.tensor("x", (4,), F32, 0), g.tensor("x", (4,), F32, 32)], DATA), "'x' twice"),
        (g.gguf([], [g.tensor("x", (4,), F32, 0), g.tensor("y", (4,), F32, 0)], DATA), "in one place"),
    ],
)
def test_lies_are_refused_in_one_line(content, message, tmp_path):
    refused(content, tmp_path, message)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="No such file"):
        GGUFFile(tmp_path / "none.gguf")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(1, 255)), min_size=1, max_size=6))
def test_flipped_bytes_give_a_model_file_or_one_line(flips, tmp_path):
    content = bytearray(GOOD)
    for at, change in flips:
        content[at] ^= change
    message = ""
    try:
        file = opened(bytes(content), tmp_path)
        for name in file:
            assert tuple(file[name].shape) == file.shape(name)
    except CheckpointError as error:
        message = str(error)
    assert "\n" not in message
