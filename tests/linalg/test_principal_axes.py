import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from eigenlm.errors import ConfigError
from eigenlm.linalg.principal_axes import principal_axes


def table(m: int = 40, D: int = 6, seed: int = 0) -> Tensor:
    made = torch.randn(m, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return made * torch.arange(D, 0, -1) + torch.arange(D)


@pytest.mark.parametrize("centred", [True, False])
def test_axes_and_energies_are_those_of_the_svd(centred: bool) -> None:
    X = table()
    _, S, Vh = np.linalg.svd(X.numpy() - (X.numpy().mean(0) if centred else 0))
    found = principal_axes(X, 3, centred=centred)
    # eigenvectors of a Gram are as exact as float64 over the relative gap of S^2, above 1e-2 here
    assert np.abs(np.abs(found.axes.numpy() @ Vh[:3].T) - np.eye(3)).max() < 1e-11
    assert found.energies.numpy() == pytest.approx(S**2, rel=1e-11)
    assert bool((found.axes.gather(1, found.axes.abs().argmax(1, keepdim=True)) > 0).all())


@given(st.integers(0, 10_000), st.integers(1, 6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_is_kept_and_what_is_left_are_all(seed: int, rank: int, centred: bool) -> None:
    X = table(seed=seed)
    found = principal_axes(X, rank, centred=centred)
    Y, rest = found.coordinates(X), found.without(X)
    assert torch.allclose(Y @ found.axes + rest + found.origin, X)
    assert torch.allclose(rest @ found.axes.mT, torch.zeros(40, rank, dtype=torch.float64), atol=1e-12)
    assert float(Y.square().sum()) == pytest.approx(float(found.energies[:rank].sum()))
    assert float(rest.square().sum()) == pytest.approx(float(found.energies[rank:].sum()), abs=1e-9)


def test_a_rank_there_is_not_is_refused() -> None:
    for rank in (0, 7):
        with pytest.raises(ConfigError, match=f"principal axes: expected from 1 to 6 numbers a row, got {rank}"):
            principal_axes(table(), rank, centred=True)
