"""Experts of a stacked tensor are matrices of their own, wherever it comes from."""

import pytest
import torch
from safetensors.torch import save_file

from eigenlm.analysis import decompose
from eigenlm.analysis.weights import weights_of

STACKS = pytest.mark.parametrize(
    ("name", "expert"),
    [
        ("blk.3.ffn_up_exps.weight", "blk.3.ffn_up_exps.2"),
        ("model.layers.1.mlp.experts.gate_up_proj", "model.layers.1.mlp.experts.gate_up_proj.2"),
    ],
)


@STACKS
def test_each_expert_has_the_spectrum_of_its_slice(name, expert, tmp_path):
    stack = (
        torch.randn(3, 10, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0, 9.0])[:, None, None]
    )
    tensors = {name: stack, "embedding.weight": torch.eye(4)}
    save_file(tensors, tmp_path / "m.safetensors")
    for source in (tensors, tmp_path / "m.safetensors"):
        found = decompose(source)
        assert len(found.matrices) == 4
        want = torch.linalg.svdvals(stack[2].double())
        torch.testing.assert_close(found[expert].singular_values, want, rtol=1e-9, atol=0)  # float64, another algorithm
        assert (found[expert].rows, found[expert].columns) == (10, 6)


def test_a_convolution_is_one_matrix_as_before():
    weights = weights_of({"convolution.weight": torch.zeros(3, 10, 6)})
    assert list(weights) == ["convolution.weight"]
    assert weights.shape("convolution.weight") == (3, 10, 6)
