"""Low-rank layers stand as the matrices they make, wherever they come from."""

import pytest
import torch
from torch import nn

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
