import numpy as np
import pytest
import torch

from eigenlm.linalg import frobenius_norm, nuclear_norm, spectral_norm


@pytest.mark.parametrize(("norm", "order"), [(spectral_norm, 2), (frobenius_norm, "fro"), (nuclear_norm, "nuc")])
def test_norms_are_numpys(norm, order):
    W = np.random.default_rng(0).normal(size=(3, 20, 15))
    expected = [np.linalg.norm(matrix, order) for matrix in W]
    np.testing.assert_allclose(norm(torch.from_numpy(W)), expected, rtol=1e-10)  # float64 on both sides


@pytest.mark.parametrize("scale", [1e-200, 1e150])
def test_norms_scale_with_the_matrix_at_the_ends_of_float64(scale):
    W = torch.ones(3, 4, dtype=torch.float64) * scale
    for norm in (spectral_norm, frobenius_norm, nuclear_norm):
        np.testing.assert_allclose(norm(W), np.sqrt(12) * scale, rtol=1e-12)  # rank one: the three agree


def test_the_zero_matrix_has_norm_zero():
    assert [float(norm(torch.zeros(2, 3))) for norm in (spectral_norm, frobenius_norm, nuclear_norm)] == [0, 0, 0]
