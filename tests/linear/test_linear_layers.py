"""The contract of linear layers."""

import pytest
import torch
import torch.nn.functional as F

from eigenlm.errors import ShapeError
from eigenlm.model import DenseLinear, InterpolativeLinear, LowRankLinear


def _factors(rank=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, rank, generator=generator), torch.randn(rank, 7, generator=generator)


def _thin(kind, bias):
    return kind.from_factors(*_factors(), torch.arange(5.0) if bias else None)


LAYERS = {
    "dense": lambda: DenseLinear(7, 5),
    "dense without bias": lambda: DenseLinear(7, 5, bias=False),
    "low rank": lambda: _thin(LowRankLinear, bias=True),
    "low rank without bias": lambda: _thin(LowRankLinear, bias=False),
    "interpolative": lambda: _thin(InterpolativeLinear, bias=True),
    "interpolative without bias": lambda: _thin(InterpolativeLinear, bias=False),
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS)
def layer(request):
    return request.param()


def test_forward_equals_the_dense_matrix(layer):
    x = torch.randn(3, 4, 7)
    torch.testing.assert_close(layer(x), F.linear(x, layer.dense(), layer.bias), rtol=1e-5, atol=1e-5)  # float32 sums


def test_state_dict_round_trip(layer):
    thin = not isinstance(layer, DenseLinear)
    twin = type(layer)(*((7, 5, 2) if thin else (7, 5)), bias=layer.bias is not None)
    twin.load_state_dict(layer.state_dict())
    x = torch.randn(2, 7)
    assert torch.equal(twin(x), layer(x))


def test_sizes_are_counted(layer):
    places = 5 * 8 if isinstance(layer, InterpolativeLinear) else 0
    assert layer.num_params == sum(parameter.numel() for parameter in layer.parameters())
    assert layer.num_bytes == 4 * layer.num_params + places
    assert layer.bfloat16().num_bytes == 2 * layer.num_params + places


def test_gradients_reach_every_parameter(layer):
    layer(torch.randn(3, 7)).sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_factors_that_do_not_meet_are_refused():
    with pytest.raises(ShapeError, match=r"B \(5, 2\), A \(3, 7\)"):
        LowRankLinear.from_factors(torch.ones(5, 2), torch.ones(3, 7))


@pytest.mark.parametrize("rank", [1, 2, 4, 5])
def test_interpolation_loses_nothing_and_saves_rank_squared(rank):
    B, A = _factors(rank)
    layer = InterpolativeLinear.from_factors(B, A)
    torch.testing.assert_close(layer.dense(), B @ A, rtol=1e-5, atol=1e-5)  # float32 products of unit normals
    assert layer.num_params == rank * (5 + 7 - rank) == LowRankLinear.from_factors(B, A).num_params - rank**2
    assert layer.num_params <= 5 * 7


def test_interpolation_of_a_deficient_product_is_finite():
    B, A = _factors(3)
    A[2] = A[1]
    B[:, 2] = 0
    torch.testing.assert_close(InterpolativeLinear.from_factors(B, A).dense(), B @ A, rtol=1e-5, atol=1e-5)
