"""The contract of linear layers."""

import pytest
import torch
import torch.nn.functional as F

from eigenlm.errors import ShapeError
from eigenlm.model import DenseLinear, LowRankLinear


def _low_rank(bias):
    generator = torch.Generator().manual_seed(0)
    B, A = torch.randn(5, 2, generator=generator), torch.randn(2, 7, generator=generator)
    return LowRankLinear.from_factors(B, A, torch.randn(5, generator=generator) if bias else None)


LAYERS = {
    "dense": lambda: DenseLinear(7, 5),
    "dense without bias": lambda: DenseLinear(7, 5, bias=False),
    "low rank": lambda: _low_rank(bias=True),
    "low rank without bias": lambda: _low_rank(bias=False),
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS)
def layer(request):
    return request.param()


def test_forward_equals_the_dense_matrix(layer):
    x = torch.randn(3, 4, 7)
    torch.testing.assert_close(layer(x), F.linear(x, layer.dense(), layer.bias), rtol=1e-5, atol=1e-5)  # float32 sums


def test_state_dict_round_trip(layer):
    twin = (
        LowRankLinear(7, 5, 2, bias=layer.bias is not None)
        if isinstance(layer, LowRankLinear)
        else DenseLinear(7, 5, bias=layer.bias is not None)
    )
    twin.load_state_dict(layer.state_dict())
    x = torch.randn(2, 7)
    assert torch.equal(twin(x), layer(x))


def test_sizes_are_counted(layer):
    stored = list(layer.state_dict().values())
    assert layer.num_params == sum(tensor.numel() for tensor in stored)
    assert layer.num_bytes == 4 * layer.num_params
    assert layer.bfloat16().num_bytes == 2 * layer.num_params


def test_gradients_reach_every_parameter(layer):
    layer(torch.randn(3, 7)).sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_factors_that_do_not_meet_are_refused():
    with pytest.raises(ShapeError, match=r"B \(5, 2\), A \(3, 7\)"):
        LowRankLinear.from_factors(torch.ones(5, 2), torch.ones(3, 7))
