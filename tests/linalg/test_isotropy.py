"""Isotropy against the formulas of the papers, written out, and against values of the authors' package."""

import numpy as np
import pytest
import torch

from eigenlm.errors import DataError, ShapeError
from eigenlm.linalg.isotropy import isotropy


def cloud(C: int, D: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Points that any library can make again, of uneven spread and off the origin."""
    i, j = np.meshgrid(np.arange(C), np.arange(D), indexing="ij")
    return torch.tensor(np.sin(1.7 * i * (j + 1) + 0.3 * j) / (j + 1) ** 0.5 + 0.25, dtype=dtype)


def iso_score(X: np.ndarray) -> float:
    """Algorithm 1 of arXiv:2108.07344, step by step."""
    D = X.shape[1]
    centred = X - X.mean(0)
    axes = np.linalg.svd(centred, full_matrices=True)[2]
    variance = np.var(centred @ axes.T, axis=0, ddof=1)
    scaled = np.sqrt(D) * variance / np.linalg.norm(variance)
    defect = np.linalg.norm(scaled - 1) / np.sqrt(2 * (D - np.sqrt(D)))
    used = (D - defect**2 * (D - np.sqrt(D))) ** 2 / D**2
    return (D * used - 1) / (D - 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("C", "D"), [(300, 12), (12, 12), (9, 20), (5000, 3)])
def test_all_measures_are_their_definitions(C, D, dtype):
    X = cloud(C, D, dtype)
    found, numbers = isotropy(X), X.double().numpy()
    # float32 changes only the unit rows of the cosine: everything else is float64, whose Grams keep ten digits.
    assert found.iso_score == pytest.approx(iso_score(numbers), abs=1e-10)
    variance = np.linalg.eigvalsh(np.cov(numbers.T))
    assert found.participation_ratio == pytest.approx(variance.sum() ** 2 / (variance**2).sum(), rel=1e-10)
    sigma = np.linalg.svd(numbers, compute_uv=False)
    p = sigma / sigma.sum()
    p = p[p > 0]
    assert found.rank_me == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-6)
    unit = numbers / np.linalg.norm(numbers, axis=1, keepdims=True)
    pairs = (unit @ unit.T)[~np.eye(C, dtype=bool)]
    assert found.mean_cosine == pytest.approx(pairs.mean(), abs=1e-10 if dtype == torch.float64 else 1e-6)
    assert (found.num_vectors, found.width) == (C, D)


# What IsoScore 2.0.1 returns for these clouds; its sqrt(D) is of float32, so that its digits end after the seventh.
@pytest.mark.parametrize(
    ("C", "D", "score"),
    [(300, 12, 0.4692327798572), (40, 7, 0.5841950651185), (9, 20, 0.2198335541239), (64, 64, 0.1932923624782)],
)
def test_the_authors_package_says_the_same(C, D, score):
    assert isotropy(cloud(C, D)).iso_score == pytest.approx(score, abs=1e-6)


def test_an_even_cloud_scores_one_and_a_line_zero():
    D = 6
    even = torch.cat([torch.eye(D), -torch.eye(D)]) + 5.0  # IsoScore does not see where the cloud lies, RankMe does
    assert isotropy(even).iso_score == pytest.approx(1.0, abs=1e-12)
    assert isotropy(even).participation_ratio == pytest.approx(D, abs=1e-10)
    assert isotropy(even).rank_me < D - 1
    line = torch.outer(torch.linspace(-1, 1, 40), torch.ones(D))
    assert isotropy(line).iso_score == pytest.approx(0.0, abs=1e-12)
    assert isotropy(line).rank_me == pytest.approx(1.0, abs=1e-4)  # rounding of float32 leaves it 1e-8 of a direction


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_measure_depends_on_the_scale(scale):
    X = cloud(50, 7)
    found, scaled = isotropy(X), isotropy(X * scale)
    assert scaled.iso_score == pytest.approx(found.iso_score, rel=1e-9)
    assert scaled.rank_me == pytest.approx(found.rank_me, rel=1e-9)
    assert scaled.mean_cosine == pytest.approx(found.mean_cosine, rel=1e-9)


def test_what_does_not_exist_is_none():
    alone = isotropy(torch.ones(1, 4))
    assert (alone.iso_score, alone.participation_ratio, alone.mean_cosine) == (None, 0.0, None)
    assert isotropy(torch.zeros(3, 4)).rank_me == 0
    assert isotropy(torch.ones(3, 1)).iso_score is None


def test_nothing_and_nan_are_refused():
    with pytest.raises(ShapeError, match="at least one vector"):
        isotropy(torch.zeros(0, 4))
    with pytest.raises(DataError, match="1 NaN or infinite of 4"):
        isotropy(torch.tensor([[1.0, torch.nan], [0.0, 1.0]]))
