import numpy as np
import pytest
import scipy.sparse

from eigenlm.vectors.ppmi import ppmi


@pytest.mark.parametrize("smoothing", [1.0, 0.75])
@pytest.mark.parametrize("shift", [1.0, 5.0])
def test_it_is_the_formula(smoothing, shift, monkeypatch):
    C = np.random.default_rng(0).poisson(1.2, (12, 12)).astype(np.float64)
    C = C + C.T
    chance = C.sum(1) ** smoothing / (C.sum(1) ** smoothing).sum()
    with np.errstate(divide="ignore"):
        pmi = np.log(C / C.sum() / np.outer(chance, chance))
    monkeypatch.setattr("eigenlm.vectors.ppmi._ROWS", 7)
    upper = scipy.sparse.csr_array(np.triu(C) - np.diag(np.diag(C)) / 2)
    found = ppmi(upper, smoothing=smoothing, shift=shift)
    np.testing.assert_allclose((found + found.T).toarray(), np.maximum(pmi - np.log(shift), 0), atol=1e-6)
    assert (found.data > 0).all()


def test_words_that_meet_nobody_have_empty_rows():
    C = scipy.sparse.csr_array(np.array([[0.0, 2, 0], [0, 0, 0], [0, 0, 0]]))
    found = ppmi(C).toarray()
    assert np.isfinite(found).all()
    assert not found[2].any()
