import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from eigenlm import linalg
from eigenlm.errors import ConfigError

spectra = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30).map(
    lambda values: torch.tensor(sorted(values, reverse=True), dtype=torch.float64)
)
scales = st.sampled_from([1e-200, 1e-3, 1.0, 1e150])


def test_values_of_a_matrix_against_numpy_and_scipy():
    W = np.random.default_rng(0).normal(size=(30, 20))
    S = linalg.singular_values(torch.from_numpy(W))
    sigma = np.linalg.svd(W, compute_uv=False)
    close = {"rtol": 1e-10, "atol": 0.0}  # both are float64; the spectrum is well conditioned
    np.testing.assert_allclose(linalg.stable_rank(S), np.linalg.norm(W) ** 2 / np.linalg.norm(W, 2) ** 2, **close)
    np.testing.assert_allclose(linalg.effective_rank(S), np.exp(scipy.stats.entropy(sigma)), **close)
    np.testing.assert_allclose(linalg.condition_number(S), np.linalg.cond(W), **close)
    U, s, Vh = np.linalg.svd(W, full_matrices=False)
    for rank in range(1, 20):
        error = np.linalg.norm(W - (U[:, :rank] * s[:rank]) @ Vh[:rank]) ** 2 / np.linalg.norm(W) ** 2
        np.testing.assert_allclose(linalg.energy_kept(S, rank), 1 - error, **close)


@given(S=spectra, scale=scales)
def test_ranks_lie_between_one_and_the_size_and_ignore_scale(S, scale):
    assert 1 <= linalg.stable_rank(S) <= len(S) * (1 + 1e-12)
    assert 1 - 1e-12 <= linalg.effective_rank(S) <= len(S) * (1 + 1e-12)
    for value in (linalg.stable_rank, linalg.effective_rank, linalg.condition_number):
        torch.testing.assert_close(value(S * scale), value(S), rtol=1e-9, atol=0)  # scaling rounds each sigma once
    assert linalg.stable_rank(S) <= linalg.effective_rank(S) * (1 + 1e-9)


@given(S=spectra, fraction=st.floats(0.01, 1.0))
def test_rank_for_energy_is_the_smallest_that_keeps_enough(S, fraction):
    rank = int(linalg.rank_for_energy(S, fraction))
    rounding = 1e-12
    assert linalg.energy_kept(S, rank) >= fraction - rounding
    assert rank == 1 or linalg.energy_kept(S, rank - 1) < fraction + rounding


def test_a_batch_is_its_members():
    S = torch.rand(3, 4, 10, dtype=torch.float64).sort(-1, descending=True).values
    S[0, 0] = 0
    for value in (linalg.stable_rank, linalg.effective_rank, linalg.numerical_rank, linalg.condition_number):
        torch.testing.assert_close(value(S), torch.stack([torch.stack([value(s) for s in row]) for row in S]))


def test_numerical_rank_finds_the_rank_under_float32_rounding():
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(k, 17, generator=generator, dtype=torch.float64) for k in (120, 80))
    assert linalg.numerical_rank(linalg.singular_values((left @ right.mT).float())) == 17
    assert linalg.numerical_rank(linalg.singular_values(left @ right.mT), eps=2.0**-52) == 17
    assert linalg.numerical_rank(linalg.singular_values(left)) == 17


def test_the_zero_matrix_has_rank_zero_and_loses_nothing():
    S = torch.zeros(5)
    assert [float(f(S)) for f in (linalg.stable_rank, linalg.effective_rank, linalg.numerical_rank)] == [0, 0, 0]
    assert linalg.condition_number(S) == float("inf")
    assert linalg.rank_for_energy(S, 0.9) == 0
    assert linalg.energy_curve(S).tolist() == [1.0] * 5
    assert linalg.energy_kept(S, 0) == 1


def test_energy_at_the_ends():
    S = torch.tensor([2.0, 1.0])
    assert [float(linalg.energy_kept(S, rank)) for rank in (0, 1, 2, 9)] == pytest.approx([0, 0.8, 1, 1], rel=1e-6)
    with pytest.raises(ConfigError, match="0 or more"):
        linalg.energy_kept(S, -1)
    with pytest.raises(ConfigError, match=r"fraction in \(0, 1\]"):
        linalg.rank_for_energy(S, 0.0)
