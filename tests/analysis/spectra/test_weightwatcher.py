import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from scipy.optimize import brute

from eigenlm import linalg
from eigenlm.analysis.spectra.weightwatcher import weightwatcher
from eigenlm.analysis.spectra.weightwatcher.bulk import Misfit, linear_kernel_density
from eigenlm.analysis.spectra.weightwatcher.power_law import fit_power_law
from eigenlm.errors import ShapeError

# WeightWatcher 0.7.7 with numpy 2.4.6 and scipy 1.17.1, analyze(mp_fit=True, detX=True) of {"w.weight": matrix(*key)}.
WEIGHTWATCHER = {
    (1, 60, 40, 2.5, 0.1): """
        N 60 M 40 Q 1.5 num_evals 40 sv_max 2.7100199760562496 sv_min 0.32181594077076797 norm 73.66544356626692
        log_norm 1.8672638082392379 spectral_norm 7.344208270623915 log_spectral_norm 0.8659449843015974
        stable_rank 10.030413197964604 matrix_rank 40 rank_loss 0 weak_rank_loss 0 entropy 0.8958911939394497
        alpha 2.0784665417877948 xmin 0.8802816884608102 xmax 7.344208270623915 D 0.15719476483880845
        sigma 0.21150469005126518 num_pl_spikes 26 alpha_weighted 1.7998376768998274 log_alpha_norm 2.441777412344093
        sigma_mp 1.012982358054811 bulk_min 0.06363497848357164 bulk_max 6.235578487249757 num_spikes 1
        mp_softrank 0.8490470664062505 W_scale 0.7368822435006324 detX_num 31 detX_val 0.4526755146038477 ERG_gap 5""",
    (2, 48, 48, 3.0, 1.0): """
        N 48 M 48 Q 1.0 num_evals 48 sv_max 24.354213240804718 sv_min 0.168873874944375 norm 6329.226636059597
        log_norm 3.8013506471088703 spectral_norm 593.1277025785879 log_spectral_norm 2.7731482086329797
        stable_rank 10.670934115104817 matrix_rank 48 rank_loss 0 weak_rank_loss 0 entropy 0.8616061451717194
        alpha 2.621058240040149 xmin 137.4453572705674 xmax 593.1277025785879 D 0.14291027861339778
        sigma 0.3820870914102399 num_pl_spikes 18 alpha_weighted 7.268582963090051 log_alpha_norm 7.84826849534323
        sigma_mp 1.0118528248433858 bulk_min 0.0 bulk_max 540.0128545911726 num_spikes 0
        mp_softrank 0.9104495579004293 W_scale 0.0870853888018005 detX_num 35 detX_val 23.255290243335 ERG_gap 17""",
    (3, 16, 30, 4.0, 1.0): """
        N 30 M 16 Q 1.875 num_evals 16 sv_max 11.212808414104414 sv_min 2.9244957525335114 norm 784.125988430606
        log_norm 2.8943858479959723 spectral_norm 125.72707253141074 log_spectral_norm 2.0994288034223065
        stable_rank 6.2367314584112785 matrix_rank 16 rank_loss 0 weak_rank_loss 0 entropy 0.9148839890024318
        alpha 2.2601200308645497 xmin 25.807225356490985 xmax 125.72707253141074 D 0.13401968004256587
        sigma 0.36376531951544366 num_pl_spikes 12 alpha_weighted 4.744961091988748 log_alpha_norm 5.257881314424932
        sigma_mp 0.9431989517183171 bulk_min 3.171355042670541 bulk_max 130.53099992560928 num_spikes 0
        mp_softrank 1.0382091724357803 W_scale 0.14284566570263046 detX_num 14 detX_val 14.918334890315151 ERG_gap 2""",
    (6, 8, 30, 3.0, 1.0): """
        N 30 M 8 Q 3.75 num_evals 8 sv_max 15.557043662854266 sv_min 4.97830285850268 norm 670.5969389763773
        log_norm 2.826461566705831 spectral_norm 242.02160752795407 log_spectral_norm 2.3838541412335124
        stable_rank 2.7708143327612667 matrix_rank 8 rank_loss 0 weak_rank_loss 0 entropy 0.8769054249982576
        alpha 1.905219921975477 xmin 24.78349935097595 xmax 242.02160752795407 D 0.1355592818580007
        sigma 0.3200435726470086 num_pl_spikes 8 alpha_weighted 4.54176640096183 log_alpha_norm 4.748837516551986
        sigma_mp 0.9221644868123833 bulk_min 16.67112618646058 bulk_max 163.9134705671967 num_spikes 1
        mp_softrank 0.6772679193458555 W_scale 0.10922302744444001 detX_num 7 detX_val 31.920024550312164 ERG_gap -1""",
}


def matrix(seed, m, n, degrees, scale):
    """Student's t by numpy's frozen generator, in float32: WeightWatcher reads any tensor as that."""
    return torch.from_numpy((np.random.RandomState(seed).standard_t(degrees, (m, n)) * scale).astype(np.float32))


def look(W):
    return weightwatcher(linalg.singular_values(W), *W.shape)


def pareto(count, alpha, seed):
    return np.sort(0.3 * (1 - np.random.RandomState(seed).uniform(size=count)) ** (-1 / (alpha - 1)))


@pytest.mark.parametrize("key", WEIGHTWATCHER)
def test_columns_are_weightwatchers(key):
    words = WEIGHTWATCHER[key].split()
    theirs = dict(zip(words[::2], map(float, words[1::2])))
    ours = dataclasses.asdict(look(matrix(*key)))
    assert ours.pop("warning") == ("over-trained" if theirs["alpha"] < 2 else "")
    # LAPACK's rounding is 1e-14; what Nelder and Mead's method does not see is 1e-9.
    assert ours == pytest.approx(theirs, rel=1e-8)


def naive_power_law(x):
    """Both loops written out, with WeightWatcher's rules for fewer than twenty."""
    best = None
    for i in range(len(x) - 1):
        n = len(x) - i
        if len(x) < 20 and n < min(8, len(x)):
            continue
        s = sum(math.log(x[j] / x[i]) for j in range(i, len(x)))
        alpha = 1 + (n - (len(x) < 20)) / s
        D = max(abs(1 - (x[j] / x[i]) ** (1 - alpha) - (j - i) / n) for j in range(i, len(x)))
        if best is None or best[2] > D:
            best = alpha, x[i], D, (alpha - 1) / math.sqrt(n)
    return best


@pytest.mark.parametrize("count", [2, 3, 7, 8, 12, 19, 20, 21, 90])
def test_power_law_is_that_of_two_loops(count, monkeypatch):
    x = pareto(count, 2.6, count)
    monkeypatch.setattr("eigenlm.analysis.spectra.weightwatcher.power_law._BLOCK_NUMBERS", 3 * count)  # several blocks
    assert tuple(fit_power_law(x)) == pytest.approx(naive_power_law(x), rel=1e-11)  # the same sums in another order


def test_power_law_of_equal_eigenvalues():
    assert fit_power_law(np.ones(30)) is None
    assert fit_power_law(np.array([2.0])) is None
    assert fit_power_law(np.array([])) is None
    x = np.sort(np.concatenate([pareto(40, 3, 0), [1e3, 1e3, 1e3]]))  # a tail without spread at the end is no choice
    assert fit_power_law(x).xmin < 1e3
    assert math.isfinite(fit_power_law(x).alpha)


def test_exponent_of_a_power_law_is_found():
    fit = fit_power_law(pareto(3000, 3.0, 5))
    assert fit.alpha == pytest.approx(3.0, abs=4 * fit.sigma)


def test_kernel_density_is_the_sum_over_all_pairs():
    values, x = np.sort(np.random.RandomState(1).uniform(0, 3, 70)), np.linspace(0, 3.5, 211)
    truth = np.maximum(0, 1 - np.abs(x[:, None] - values) / 0.1).sum(1) / (70 * 0.1)
    np.testing.assert_allclose(linear_kernel_density(values, x), truth, atol=1e-12)  # prefix sums up to 100, in float64


@pytest.mark.parametrize(("m", "n"), [(80, 50), (50, 50)])
def test_bulk_is_that_of_a_plain_search(m, n):
    """The density anew for every sigma, a pair of numbers at a time, and scipy's own brute force."""
    W = matrix(9, m, n, 5.0, 1.0)
    eigenvalues = np.linalg.svd(W.double().numpy(), compute_uv=False) ** 2
    scaled, Q = eigenvalues / eigenvalues.mean(), m / n
    values = np.sqrt(scaled) if m == n else scaled
    x = np.linspace(0, values.max() + 0.5, 1000)
    density = np.maximum(0, 1 - np.abs(x[:, None] - values) / 0.1).sum(1) / (n * 0.1)
    x, density = x[density > 0.01], density[density > 0.01]

    def cost(sigma):
        a, b = ((sigma[0] * (1 + sign * Q**-0.5)) ** 2 for sign in (-1, 1))
        if m == n:
            law = np.sqrt(np.maximum(4 - x**2, 0)) / (np.pi * sigma[0] ** 2)
        elif b < x[density.argmax()] or b > x[-1] or a > x[density.argmax()]:
            return 1e6 * len(x)
        else:
            law = [Q * math.sqrt((b - t) * (t - a)) / (2 * np.pi * sigma[0] ** 2 * t) if a < t < b else 0 for t in x]
        return ((law - density) ** 2).sum()

    largest = math.sqrt(scaled.max()) / (1 + Q**-0.5)
    truth = brute(lambda s: cost(np.atleast_1d(s)), (slice(0.05 * largest, 2 * largest, 0.01 * largest),))[0]
    assert look(W).sigma_mp == pytest.approx(truth, rel=1e-8)  # the same search on costs that differ by 1e-13
    assert Misfit(np.sort(values), Q)(np.array([0.9]))[0] == pytest.approx(cost([0.9]), rel=1e-9)


def test_product_one_is_found_in_logarithms():
    eigenvalues = linalg.singular_values(matrix(3, 50, 30, 3.0, 5.0)).numpy() ** 2
    scaled = eigenvalues / eigenvalues.mean()
    count = next(k for k in range(1, 30) if np.prod(scaled[:k]) < 1)
    found = look(matrix(3, 50, 30, 3.0, 5.0))
    assert found.detX_num == count
    assert found.detX_val == pytest.approx(eigenvalues[count - 1], rel=1e-12)


@pytest.mark.parametrize("factor", [0.1, 30.0])
def test_exponent_does_not_see_the_scale(factor):
    one, other = look(matrix(1, 60, 40, 2.5, 1.0)), look(matrix(1, 60, 40, 2.5, 1.0) * factor)
    assert other.alpha == pytest.approx(one.alpha, rel=1e-6)  # the product is rounded to float32
    assert other.mp_softrank == pytest.approx(one.mp_softrank, rel=1e-4)  # the search ends within 1e-4
    assert other.log_norm == pytest.approx(one.log_norm + 2 * math.log10(factor), rel=1e-6)


def test_zero_matrix():
    found = look(torch.zeros(9, 20))
    assert (found.num_evals, found.norm, found.matrix_rank, found.rank_loss, found.weak_rank_loss) == (9, 0, 0, 9, 9)
    assert {found.log_norm, found.stable_rank, found.alpha, found.entropy, found.mp_softrank, found.detX_num} == {None}


def test_constant_matrix():
    found = look(torch.full((20, 30), 0.5))
    assert found.stable_rank == pytest.approx(1, abs=1e-12)
    assert found.alpha is None
    assert found.entropy is None


def test_numbers_that_float64_cannot_square():
    found = look(matrix(1, 20, 30, 3.0, 1.0).double() * 1e200)
    assert found.norm is None
    assert found.alpha is None
    assert found.matrix_rank == 20


@pytest.mark.parametrize(
    "W",
    [
        torch.zeros(9, 9),
        torch.ones(8, 100),
        torch.ones(1, 1),
        matrix(1, 1, 4, 3.0, 1.0),
        matrix(1, 2, 2, 3.0, 1.0),
        matrix(1, 3, 200000, 3.0, 1.0),
        matrix(1, 20, 20, 3.0, 1.0).double() * 1e200,
        matrix(1, 20, 20, 3.0, 1.0).double() * 1e-200,
        torch.diag(torch.tensor([1e6] + [1e-4] * 30)),
    ],
)
@pytest.mark.filterwarnings("error")
def test_every_field_is_plain_json(W):
    found = dataclasses.asdict(look(W))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["num_evals"] == min(W.shape)


def test_half_a_spectrum_is_refused():
    with pytest.raises(ShapeError, match="all singular values of 9 x 20, got 5"):
        weightwatcher(torch.ones(5, dtype=torch.float64), 9, 20)
