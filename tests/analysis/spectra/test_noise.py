import dataclasses
import json

import pytest
import torch
from scipy.spatial.distance import jensenshannon

from eigenlm import linalg
from eigenlm.analysis.spectra import noise as module
from eigenlm.analysis.spectra.noise import noise, rand_distance, shuffled_singular_values
from eigenlm.errors import ShapeError
from eigenlm.linalg.by_blocks import ByBlocks

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def gaussian(m, n, seed=0, dtype=torch.float64):
    return torch.randn(m, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def look(W, **options):
    return noise(W, linalg.singular_values(W), **options)


def shuffled(W, seed):
    """The shuffled matrix itself, and LAPACK."""
    order = torch.randperm(W.numel(), generator=torch.Generator().manual_seed(seed))
    return torch.linalg.svdvals(W.double().flatten()[order].reshape(-1, min(W.shape)))


@DTYPES
@pytest.mark.parametrize(("m", "n"), [(200, 120), (120, 200), (96, 96)])
def test_noise_is_recognised(m, n, dtype):
    found = look(gaussian(m, n, dtype=dtype) * 0.02)
    assert found.noise_std == pytest.approx(0.02, rel=0.02)  # the median of 96 to 120 values strays by about 1 %
    assert found.num_spikes == 0
    assert found.num_null_spikes == 0
    assert found.spike_energy == 0
    assert found.bulk_distance < 0.05  # eigenvalues repel: a few places of about 100
    assert found.rand_distance < 0.05
    assert found.num_above_null <= 1


@DTYPES
def test_spikes_are_counted_and_weighed(dtype):
    m, n = 200, 120
    U, V = torch.linalg.qr(gaussian(m, 4, 1))[0], torch.linalg.qr(gaussian(n, 4, 2))[0]
    W = (gaussian(m, n) + U * torch.tensor([90.0, 70.0, 60.0, 50.0]) @ V.mT).to(dtype)
    found, S = look(W), torch.linalg.svdvals(W.double())
    assert found.num_spikes == 4
    assert found.spike_energy == pytest.approx(float(S[:4].square().sum() / S.square().sum()), rel=1e-9)  # both float64
    assert found.num_above_null == int(S.gt(shuffled(W, 0)[0]).sum())
    assert found.num_null_spikes == 0


def test_heavy_tailed_entries_make_spikes_of_themselves():
    assert look(gaussian(100, 80).pow(5)).num_null_spikes > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(("m", "n"), [(70, 40), (40, 70), (50, 50), (1, 30)])
def test_null_is_the_shuffled_matrix(m, n, dtype):
    W = gaussian(m, n, dtype=dtype)
    truth = shuffled(W, 3)
    null = shuffled_singular_values(W, seed=3)
    # eigenvalues of a float32 Gram matrix stray by some 1e-7 lambda_1
    assert float((null.square() - truth.square()).abs().max() / truth[0] ** 2) < 1e-6


@pytest.mark.parametrize(("m", "n"), [(211, 20), (20, 211)])
def test_a_large_matrix_is_shuffled_in_parts(m, n, monkeypatch):
    monkeypatch.setattr(module, "MANY_NUMBERS", 1000)
    monkeypatch.setattr(module, "_PART_NUMBERS", 900)  # five parts
    W = gaussian(m, n).mul(torch.linspace(1, 3, n))
    generator = torch.Generator().manual_seed(3)
    if m > n:
        parts = [W[part::5].flatten() for part in range(5)]
    else:  # row i gives part p its stretch i + p of 42 columns, modulo five; one column is left
        turns = [[W[i, (i + p) % 5 * 42 :][:42] for row in range(5) for i in range(row, m, 5)] for p in range(5)]
        parts = [*map(torch.cat, turns), W[:, 210]]
    mixed = torch.cat([numbers[torch.randperm(len(numbers), generator=generator)] for numbers in parts])
    assert torch.equal(mixed.sort().values, W.flatten().sort().values)
    truth = torch.linalg.svdvals(mixed.reshape(-1, 20))
    null = shuffled_singular_values(W, seed=3)
    assert float((null.square() - truth.square()).abs().max() / truth[0] ** 2) < 1e-6  # as above
    by_blocks = ByBlocks((m, n), lambda part: W[part])
    torch.testing.assert_close(shuffled_singular_values(by_blocks, seed=3), null, rtol=1e-12, atol=0)


def test_null_with_a_spike_is_as_exact_below_it():
    W = 1 + 1e-3 * gaussian(70, 40)  # a mean: sigma_1 is a thousand times the rest, in any order of the entries
    # float64: n u (sigma_1 / sigma)^2 is 1e-8 here; float32 would leave nothing right
    torch.testing.assert_close(shuffled_singular_values(W, seed=0), shuffled(W, 0), rtol=1e-6, atol=0)


def test_null_depends_on_the_seed_alone(monkeypatch):
    W = gaussian(90, 40)
    first = look(W, seed=5)
    torch.rand(7)
    assert look(W, seed=5) == first
    assert look(W, seed=6).null_spectral_norm != first.null_spectral_norm
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 7 * 40)  # blocks that do not divide the rows
    # the same sums in another order, in float32
    assert look(W, seed=5).null_spectral_norm == pytest.approx(first.null_spectral_norm, rel=1e-5)


def test_distance_is_jensen_and_shannons():
    S, null = linalg.singular_values(gaussian(30, 20).pow(3)), linalg.singular_values(gaussian(30, 20, 1))
    truth = jensenshannon(S.square().numpy(), null.square().numpy())
    assert rand_distance(S, null) == pytest.approx(float(truth), rel=1e-9)  # the same sums in float64
    assert rand_distance(1e200 * S, 1e-200 * null) == pytest.approx(float(truth), rel=1e-9)
    assert rand_distance(S, S) == 0


def test_zero_matrix():
    found = look(torch.zeros(20, 30))
    assert (found.num_spikes, found.num_above_null, found.null_spectral_norm) == (0, 0, 0)
    assert found.sigma_plus is None
    assert found.spike_energy is None
    assert found.rand_distance is None


def test_constant_matrix_is_its_own_null():
    found = look(torch.full((20, 30), 0.1))
    assert (found.num_spikes, found.num_null_spikes, found.num_above_null) == (1, 1, 0)
    assert found.spike_energy == pytest.approx(1, abs=1e-12)
    assert found.rand_distance == pytest.approx(0, abs=1e-6)  # the root of a rounding error
    assert found.noise_std is None


@DTYPES
def test_low_rank_has_spikes_and_no_noise(dtype):
    found = look((gaussian(40, 3) @ gaussian(3, 50, 1)).to(dtype))
    assert found.num_spikes == 3
    assert found.noise_std is None
    assert found.spike_energy == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("m", "n"), [(1, 50), (50, 1), (1, 1), (7, 90)])
def test_few_singular_values_have_no_bulk(m, n):
    found = look(gaussian(m, n))
    assert found.num_spikes is None
    assert found.sigma_plus is None
    assert found.null_spectral_norm > 0


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_figures_follow_the_scale(scale):
    one, other = look(gaussian(60, 40)), look(gaussian(60, 40) * scale)
    grow = {"noise_std", "sigma_minus", "sigma_plus", "tracy_widom_scale", "largest_noise", "null_spectral_norm"}
    for name, value in dataclasses.asdict(one).items():
        unit = scale if name in grow else 1
        assert getattr(other, name) == pytest.approx(value * unit, rel=1e-4, abs=0), name  # float32 in the null


@pytest.mark.parametrize(
    "W", [torch.zeros(9, 9), torch.ones(8, 100), gaussian(1, 4), gaussian(262144, 8), gaussian(9, 9)]
)
def test_every_field_is_plain_json(W):
    found = dataclasses.asdict(look(W))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_spectrum_of_another_matrix_is_refused():
    with pytest.raises(ShapeError, match="9 singular values of 9 x 20, got 8"):
        noise(gaussian(9, 20), torch.ones(8, dtype=torch.float64))
