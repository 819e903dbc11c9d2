"""What is stored in parts stands as the matrices it makes, wherever it comes from."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import weight_norm
from torch.nn.utils.parametrizations import weight_norm as parametrized

from eigenlm.analysis import decompose
from eigenlm.analysis.weights import weights_of
from eigenlm.model import InterpolativeLinear, LowRankLinear


@pytest.mark.parametrize("kind", [LowRankLinear, InterpolativeLinear])
def test_factors_are_multiplied_out(kind):
    torch.manual_seed(0)
    layer = kind.from_factors(torch.randn(7, 2), torch.randn(2, 5), torch.randn(7))
    module = nn.Sequential(nn.Linear(5, 5), layer)
    for source in (module, module.state_dict()):
        weights = weights_of(source)
        assert list(weights) == ["0.weight", "0.bias", "1.weight", "1.bias"]
        assert [weights.shape(name) for name in weights] == [(5, 5), (5,), (7, 5), (7,)]
        torch.testing.assert_close(weights["1.weight"], layer.dense())
        assert weights.storage("1.weight") == "rank 2"
    (_, thin) = decompose(module).matrices
    assert (thin.name, thin.rows, thin.columns, thin.numerical_rank) == ("1", 7, 5, 2)


@pytest.mark.parametrize("norm", [weight_norm, parametrized])
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
def test_lengths_and_directions_are_the_matrix_that_is_used(norm, dim, tmp_path):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 7), norm(nn.Linear(7, 6), dim=dim))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape))
        used = (module[1](torch.eye(7)) - module[1].bias).mT
    save_file(module.state_dict(), tmp_path / "m.safetensors")
    for source in (module, module.state_dict(), tmp_path / "m.safetensors"):
        weights = weights_of(source)
        assert sorted(weights) == ["0.bias", "0.weight", "1.bias", "1.weight"]
        assert weights.shape("1.weight") == (6, 7)
        torch.testing.assert_close(weights["1.weight"], used, rtol=1e-5, atol=1e-6)  # float32, with a bias in between
