"""One layer at every rank: each the best in its metric, set and set back without another number being changed."""

import json

import pytest
import scipy.linalg
import torch
import torch.nn.functional as F

from eigenlm.engine.packed_linear import fast_linear
from eigenlm.engine.packing import pack
from eigenlm.errors import ConfigError
from eigenlm.linear import DenseLinear, InterpolativeLinear, NestedLinear, linear_map

SIZES = pytest.mark.parametrize(("rows", "columns"), [(9, 6), (6, 9), (7, 7)])


def drawn(*sizes: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*sizes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gram(size: int, seed: int) -> torch.Tensor:
    factor = drawn(size, size, seed=seed)
    return factor @ factor.mT + torch.eye(size, dtype=torch.float64)


def whitened(rows: int, columns: int) -> tuple[torch.Tensor, ...]:
    """W, and L, K, U, s, V with C = L L^T, G = K K^T and K^T W L = U s V^T, by scipy."""
    W, C, G = drawn(rows, columns), gram(columns, 1), gram(rows, 2)
    L, K = (torch.from_numpy(scipy.linalg.cholesky(each.numpy(), lower=True)) for each in (C, G))
    U, s, Vh = map(torch.from_numpy, scipy.linalg.svd((K.mT @ W @ L).numpy(), full_matrices=False))
    return W, L, K, U, s, Vh.mT


def nested(rows: int, columns: int, dtype: torch.dtype = torch.float64, bias: bool = True) -> NestedLinear:
    W, L, K, U, _, V = whitened(rows, columns)
    basis = torch.linalg.inv(K.mT) @ U if rows < columns else L @ V
    shares = torch.arange(1, len(basis) + 1) / len(basis)
    return NestedLinear.from_basis(W.to(dtype), basis, shares, torch.arange(float(rows)).to(dtype) if bias else None)


@SIZES
def test_each_rank_is_the_truncated_decomposition_in_the_metric(rows: int, columns: int) -> None:
    W, L, K, U, s, V = whitened(rows, columns)
    layer = nested(rows, columns)
    for rank in range(layer.full_rank + 1):
        layer.rank = rank
        want = torch.linalg.inv(K.mT) @ (U[:, :rank] * s[:rank]) @ V[:, :rank].mT @ torch.linalg.inv(L)
        # a basis in float32, of Grams with a condition of some hundreds
        torch.testing.assert_close(layer.dense(), want, rtol=0, atol=1e-5 if rank < layer.full_rank else 1e-12)
    assert torch.equal(layer.dense(), W)


@SIZES
def test_forward_and_packed_apply_the_rank_that_is_set(rows: int, columns: int) -> None:
    layer, x = nested(rows, columns, torch.float32), drawn(3, columns, seed=4).float()
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    twins = [pack(layer), layer.packed(fast_linear)]
    whole = layer(x)
    first = [twin(x) for twin in twins]
    for rank in (2, 0, layer.full_rank - 1, 4, 2):
        layer.rank = rank
        want = F.linear(x, layer.dense(), layer.bias)
        for applied in (layer, *twins):
            torch.testing.assert_close(applied(x), want, rtol=0, atol=1e-4)  # float32 factors of size 10
    layer.rank = layer.full_rank
    assert torch.equal(layer(x), whole)
    assert all(torch.equal(twin(x), told) for twin, told in zip(twins, first))
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


@SIZES
def test_a_lower_rank_still_gives_gradients_to_the_matrix(rows: int, columns: int) -> None:
    layer, x = nested(rows, columns), drawn(5, columns, seed=4)
    layer.rank = 3
    layer(x).square().sum().backward()
    B, A = (factor.detach() for factor in layer.factors(3))
    outward = 2 * F.linear(x, B @ A, layer.bias.detach()).mT @ x
    kept = layer.basis.view(torch.float32).double()
    P = kept[:, :3] @ torch.linalg.inv(kept)[:3]
    want = P.mT @ outward if rows < columns else outward @ P.mT
    torch.testing.assert_close(layer.weight.grad, want, rtol=1e-4, atol=1e-3)  # gradients of size 100, basis in float32
    assert layer.bias.grad is not None


@pytest.mark.parametrize("keep", [1.0, 0.5, 0.34, 0.01])
def test_a_setting_has_the_columns_that_are_in_use_there(keep: float) -> None:
    layer = nested(9, 6)
    layer.turn_(keep)
    assert layer.rank == int(6 * keep + 1e-6)


def test_a_spec_keeps_the_rank_that_is_set() -> None:
    layer = nested(9, 6, torch.float32)
    layer.rank = 2
    again = linear_map(json.loads(json.dumps(layer.spec())))
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again.dense(), layer.dense())


def test_merged_is_the_layer_that_a_plan_would_make() -> None:
    layer = nested(9, 6, torch.float32)
    assert isinstance(layer.merged(), DenseLinear)
    assert torch.equal(layer.merged().dense(), layer.weight)
    layer.rank = 2
    merged = layer.merged()
    assert isinstance(merged, InterpolativeLinear)
    assert merged.num_params - 9 == 2 * (9 + 6 - 2)
    torch.testing.assert_close(merged.dense(), layer.dense(), rtol=0, atol=1e-5)  # re-coded by rows, float32


def test_a_narrower_type_rounds_the_factors_and_not_the_basis() -> None:
    layer, exact = nested(9, 6, torch.float32), nested(9, 6)
    layer.bfloat16().rank = exact.rank = 3
    (B, A), want = layer.factors(3), exact.factors(3)
    assert {B.dtype, A.dtype} == {torch.bfloat16}
    for factor, known in zip((B, A), want):
        torch.testing.assert_close(
            factor.double(), known, rtol=0.02, atol=0.05
        )  # bfloat16 keeps 8 bits of W and of them


@pytest.mark.parametrize("rank", [-1, 7])
def test_a_rank_that_there_is_not_is_refused(rank: int) -> None:
    with pytest.raises(ConfigError, match=f"nested layer, rank: expected 0 to 6, got {rank}"):
        NestedLinear(6, 9, rank)


def test_damage_is_told() -> None:
    layer = nested(9, 6, torch.float32)
    assert layer.fault() == ""
    layer.least_keep = layer.least_keep.flip(0)
    assert layer.fault() == "least_keep: expected rising numbers, got others"
    layer.basis = torch.full((6, 6), torch.nan).view(torch.int32)
    assert layer.fault() == "basis: expected finite numbers, got NaN or infinite"
