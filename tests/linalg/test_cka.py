"""Linear CKA against its definition over indices, and against what it must not depend on."""

import itertools

import pytest
import torch

from eigenlm.errors import ShapeError
from eigenlm.linalg.cka import centred_gram, cka


def samples(C, n, seed, dtype=torch.float64):
    return torch.randn(C, n, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def hsic_over_indices(X, Y):
    """The unbiased HSIC as a mean over all quadruples of different samples (Song et al. 2012, theorem 2)."""
    K, L = X @ X.mT, Y @ Y.mT
    terms = [
        K[i, j] * L[i, j] + K[i, j] * L[q, r] - 2 * K[i, j] * L[i, q]
        for i, j, q, r in itertools.permutations(range(len(X)), 4)
    ]
    return torch.stack(terms).mean()


def test_cka_is_the_ratio_of_unbiased_hsics():
    X, Y = samples(7, 3, 0), samples(7, 2, 1) + samples(7, 3, 0)[:, :2]
    want = hsic_over_indices(X, Y) / (hsic_over_indices(X, X) * hsic_over_indices(Y, Y)).sqrt()
    got = cka(torch.stack([centred_gram(X), centred_gram(Y)]))
    torch.testing.assert_close(got[0, 1], want, rtol=1e-10, atol=0)  # float64 sums of 840 terms


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rotation_scale_and_shift_change_nothing(dtype):
    X = samples(60, 12, 0, dtype)
    Y = 1e3 * X @ torch.linalg.qr(samples(12, 12, 1, dtype)).Q + 7
    got = cka(torch.stack([centred_gram(X), centred_gram(Y)]))
    atol = 100 * torch.finfo(dtype).eps  # sums of 3600 products round by about sqrt(3600) eps
    torch.testing.assert_close(got, torch.ones(2, 2, dtype=dtype), rtol=0, atol=atol)


def test_unrelated_wide_layers_are_not_alike():
    """The plain estimate gives about 0.9 here: it compares two identity matrices (arXiv:2010.15327)."""
    values = [cka(torch.stack([centred_gram(samples(40, 400, 2 * s + i)) for i in (0, 1)]))[0, 1] for s in range(20)]
    # Each has a standard deviation of about 1/40, so that the mean of 20 is within 0.02 but for 3.6 of them.
    assert abs(float(torch.stack(values).mean())) < 0.02


def test_constant_samples_are_like_nothing():
    got = cka(torch.stack([centred_gram(torch.ones(5, 3)), centred_gram(samples(5, 3, 0, torch.float32))]))
    torch.testing.assert_close(got, torch.tensor([[0.0, 0.0], [0.0, 1.0]]))


def test_three_samples_are_refused():
    with pytest.raises(ShapeError, match="at least 4 samples, got 3"):
        centred_gram(samples(3, 2, 0))
