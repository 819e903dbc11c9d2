"""The whole section: what it says of spectra of known laws, and of those that allow no fit."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pytest
import torch
from scipy import stats

from eigenlm.analysis.spectra.tail import Tail, tail
from eigenlm.errors import ConfigError, DataError, ShapeError
from tests.analysis.spectra.tail.spectra_of_known_laws import (
    lognormal,
    power_law,
    power_law_above_a_flat_body,
    singular_values,
)


def test_a_power_law_is_supported_and_measured():
    found = tail(singular_values(power_law(2000, 3.0)))
    assert found.verdict == "power law supported"
    assert found.alpha_low < 3.0 < found.alpha_high
    assert found.alpha == pytest.approx(3.0, rel=0.02)  # quantiles stop short of the far end
    assert found.num_values == 2000


def test_the_figures_are_of_the_largest_eigenvalues():
    x = power_law_above_a_flat_body(80, 40, 2.6)
    found = tail(singular_values(x))
    k = found.num_tail
    assert 70 <= k <= 81
    # Squares of square roots, and sums of at most 80 logarithms.
    assert found.xmin == pytest.approx(x[k - 1], rel=1e-12)
    assert found.alpha == pytest.approx(1 + k / np.log(x[:k] / x[k - 1]).sum(), rel=1e-12)


@pytest.mark.parametrize("n", [100, 500, 2000])
def test_a_lognormal_is_not_called_a_power_law(n):
    assert tail(singular_values(lognormal(n))).verdict != "power law supported"


@pytest.mark.parametrize("law", [stats.uniform(1, 1), stats.norm(10, 1), stats.triang(0.5, 1, 2)])
def test_spectra_with_an_edge_are_not_called_power_laws(law):
    x = law.ppf((np.arange(1000, 0, -1) - 0.5) / 1000)
    assert tail(singular_values(x)).verdict != "power law supported"


@pytest.mark.parametrize("factor", [1e-20, 1e20])
def test_the_unit_of_the_weights_does_not_matter(factor):
    S = singular_values(power_law_above_a_flat_body(100, 200, 2.2))
    found, scaled = tail(S), tail(S * factor)
    assert scaled.xmin == pytest.approx(found.xmin * factor**2, rel=1e-12)
    assert (scaled.num_tail, scaled.verdict) == (found.num_tail, found.verdict)
    # Logarithms of 1e40 are rounded at 92 * 2^-52, of which a tail's mean loses little.
    assert scaled.alpha == pytest.approx(found.alpha, rel=1e-10)
    assert scaled.alpha_low == pytest.approx(found.alpha_low, rel=1e-8)


def test_float32_gives_the_same_to_its_digits():
    S = singular_values(lognormal(300))
    found, single = tail(S), tail(S.float())
    assert single.alpha == pytest.approx(found.alpha, rel=1e-5)
    assert single.verdict == found.verdict


def test_threads_agree():
    S = singular_values(lognormal(150))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(tail, [S] * 8))
    assert all(other == found[0] for other in found)


@pytest.mark.parametrize(
    ("S", "said"),
    [
        (torch.zeros(100), "0"),
        (torch.ones(100), "1"),
        (torch.tensor([2.0]), "1"),
        (torch.linspace(2, 1, 12), "12"),
        (torch.cat([torch.tensor([5.0]), torch.full((60,), 1e-9)]), "1"),
        (1 + 1e-8 * torch.linspace(1, 0, 100, dtype=torch.float64), "1"),
    ],
    ids=["zero", "orthogonal", "a row", "tiny", "rank 1", "equal to rounding"],
)
def test_spectra_without_a_tail_say_so(S, said):
    found = tail(S)
    assert found.verdict == "too few values"
    assert found.reason.endswith(f"there are {said}") or found.reason.endswith(f"there is {said}")
    assert (found.alpha, found.alpha_low, found.xmin, found.goodness_p, found.lognormal) == (None,) * 5
    assert found.num_tail == 0


def test_repeated_values_among_others_do_no_harm():
    x = np.sort(np.concatenate([np.full(100, 7.0), power_law(60, 2.0)]))[::-1].copy()
    found = tail(singular_values(x))
    assert math.isfinite(found.alpha)
    assert found.verdict != "power law supported"


def test_it_is_plain_json():
    for S in (singular_values(power_law(200, 3.0)), torch.zeros(3)):
        assert json.loads(json.dumps(asdict(tail(S)), allow_nan=False)) == asdict(tail(S))


def test_every_field_is_described():
    assert all(f"\n        {name}: " in Tail.__doc__ for name in Tail.__dataclass_fields__)


@pytest.mark.parametrize(
    ("S", "error"),
    [
        (torch.tensor([1.0, float("nan")]), DataError),
        (torch.tensor([float("inf"), 1.0]), DataError),
        (torch.tensor([1.0, 2.0]), DataError),
        (torch.tensor([1.0, -1.0]), DataError),
        (torch.empty(0), ShapeError),
    ],
)
def test_what_are_no_singular_values_is_refused(S, error):
    with pytest.raises(error, match="tail: expected"):
        tail(S)


def test_too_few_copies_are_refused():
    with pytest.raises(ConfigError, match="at least 100 copies, got 20"):
        tail(torch.ones(5), copies=20)
