"""Matrices over threads, over ranks, and beyond memory."""

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import save_file

from eigenlm.analysis import analyze, stream
from eigenlm.analysis.stream import Skipped, each_matrix, share
from eigenlm.analysis.weights import Weights
from eigenlm.checkpoint import open_matrices
from eigenlm.errors import ConfigError
from eigenlm.linalg.by_blocks import ByBlocks


def sized(*shape: int) -> torch.Tensor:
    """A tensor with sizes and no numbers."""
    return torch.empty(shape, device="meta")


def test_shares_are_disjoint_whole_and_even():
    weights = {f"blocks.{i}.weight": sized(8 + i % 3, 16) for i in range(20)}
    weights |= {"norm": sized(16), "embedding": sized(100, 16)}
    shares = [share(Weights(weights), rank, 3) for rank in range(3)]
    assert sorted(name for names in shares for name in names) == sorted(weights)
    assert all([name for name in weights if name in names] == names for names in shares)
    matrices = [[tuple(weights[name].shape) for name in names if name != "norm"] for names in shares]
    costs = [sum(m * n * min(m, n) + min(m, n) ** 3 for m, n in shapes) for shapes in matrices]
    assert max(costs) - min(costs) <= 100 * 16 * 16 + 16**3  # no more apart than the costliest matrix
    assert share(Weights(weights), 0, 1) == list(weights)


def test_a_matrix_beyond_memory_is_skipped_and_the_rest_go_on():
    weights = {"huge.weight": sized(1_000_000_000, 4096), "w.weight": torch.ones(4, 3)}
    found = each_matrix(Weights(weights), lambda W, name, storage: (name, tuple(W.shape)), list(weights))
    assert found[1] == ("w", (4, 3))
    assert isinstance(found[0], Skipped)
    assert found[0].name == "huge"
    assert "of memory" in found[0].reason
    assert "free some" in found[0].reason


def test_arrays_and_sparse_tensors_are_matrices_like_any_other():
    dense = torch.randn(12, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    thin = dense * (dense > 0.5)
    given = {
        "array": dense.numpy()[::-1],
        "half": dense.half().numpy(),
        "sparse": thin.to_sparse(),
        "rows": thin.to_sparse_csr(),
        "meta": dense.to("meta"),
        "narrow": torch.zeros(12, 8, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
    }
    found = analyze(given)
    expected = {"array": dense, "half": dense.half().double(), "sparse": thin, "rows": thin}
    assert {matrix.name: matrix.spectral_norm for matrix in found.matrices} == pytest.approx(
        {name: float(np.linalg.svd(W.numpy(), compute_uv=False)[0]) for name, W in expected.items()}, rel=1e-6
    )
    assert {skipped.name for skipped in found.skipped} == {"meta", "narrow"}
    assert all(skipped.reason and "\n" not in skipped.reason for skipped in found.skipped)
    for odd in ({"w": None}, {1: dense}, {"w": np.array([["a", "b"]])}):
        with pytest.raises(ConfigError, match="expected names, and tensors or numpy arrays of numbers"):
            analyze(odd)


def test_eight_bit_floats_stand_for_themselves_unless_scales_lie_beside_them():
    W = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).to(torch.float8_e4m3fn)
    scaled = {"scaled.weight": W, "scaled.weight_scale_inv": torch.ones(1)}
    analysis = analyze({"plain.weight": W, **scaled})
    assert analysis["plain"].spectral_norm == pytest.approx(float(torch.linalg.matrix_norm(W.double(), 2)), rel=1e-5)
    assert [row.name for row in analysis.skipped] == ["scaled"]
    assert "scales in another tensor" in analysis.skipped[0].reason


@pytest.mark.parametrize("form", ["gguf", "safetensors"])
def test_a_large_matrix_of_a_file_is_read_by_blocks(form, tmp_path, monkeypatch):
    W = torch.randn(9000, 6, generator=torch.Generator().manual_seed(0))
    path = tmp_path / f"w.{form}"
    if form == "safetensors":
        save_file({"w": W, "wide": W.mT.contiguous()}, path)
    else:
        writer = GGUFWriter(path, "none")
        writer.add_tensor("w", W.numpy())
        writer.add_tensor("wide", W.mT.contiguous().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    whole = analyze({"w": W, "wide": W.mT.contiguous()})
    kinds: dict[str, type] = {}
    monkeypatch.setattr(stream, "MANY_NUMBERS", 1000)
    weights = Weights(open_matrices(path))
    each_matrix(weights, lambda matrix, name, storage: kinds.__setitem__(name, type(matrix)), list(weights))
    assert kinds == {"w": ByBlocks, "wide": ByBlocks}
    assert [row.to_dict() | {"storage": None} for row in analyze(path).matrices] == [
        row.to_dict() for row in whole.matrices
    ]
