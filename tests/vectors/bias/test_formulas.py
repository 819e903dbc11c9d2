"""The measures against their papers written out in numpy, word by word, and against WEFE's figures."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from eigenlm.vectors.bias import formulas
from tests.vectors.bias.spaces import space

SETS = [space().vectors[start:end].double() for start, end in ((0, 8), (8, 16), (16, 23), (23, 30))]
X, Y, A, B = (one.numpy() for one in SETS)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def association(w: np.ndarray) -> float:
    return np.mean([cosine(w, a) for a in A]) - np.mean([cosine(w, b) for b in B])


def test_weat_is_the_difference_of_means_in_deviations():
    s = [association(w) for w in (*X, *Y)]
    found = formulas.weat(*SETS)
    np.testing.assert_allclose(found.by_word.numpy(), s, rtol=1e-12)
    assert float(found.value) == pytest.approx((np.mean(s[:8]) - np.mean(s[8:])) / np.std(s), rel=1e-12)
    assert abs(float(found.value)) < 2


def test_weat_turns_its_sign_with_either_pair_of_sets_and_is_two_at_most():
    d = float(formulas.weat(*SETS).value)
    x, y, a, b = SETS
    assert float(formulas.weat(y, x, a, b).value) == pytest.approx(-d)
    assert float(formulas.weat(x, y, b, a).value) == pytest.approx(-d)
    assert float(formulas.weat(5 * x, 0.1 * y, a, b).value) == pytest.approx(d)  # cosines know no lengths
    apart = formulas.weat(a[:3], b[:3], a[:3], b[:3])
    assert float(apart.value) <= 2
    one = torch.tensor([[1.0, 0.0]]).double()
    assert float(formulas.weat(one, -one, one, -one).value) == pytest.approx(2)


def test_words_that_do_not_differ_have_no_effect():
    same = torch.ones(3, 4).double()
    assert float(formulas.weat(same, same, SETS[2][:, :4], SETS[3][:, :4]).value) == 0


def test_sentences_count_each_and_words_have_their_mean():
    several = [torch.stack([one, one.roll(1, dims=1)], dim=1) for one in SETS]
    found, flat = formulas.weat(*several), formulas.weat(*(one.flatten(0, 1) for one in several))
    assert float(found.value) == pytest.approx(float(flat.value), rel=1e-12)
    np.testing.assert_allclose(found.by_word.numpy(), flat.by_word.unflatten(0, (16, 2)).mean(1).numpy(), rtol=1e-12)


def test_the_others_are_their_definitions():
    distances = [np.linalg.norm(a - X.mean(0)) - np.linalg.norm(a - Y.mean(0)) for a in A]
    found = formulas.relative_norm_distance(*SETS[:3])
    np.testing.assert_allclose(found.by_word.numpy(), distances, rtol=1e-12)
    assert float(found.value) == pytest.approx(np.mean(distances), rel=1e-12)

    found = formulas.mean_average_cosine(SETS[:2], SETS[2:])
    means = [[np.mean([1 - cosine(t, a) for a in some]) for some in (A, B)] for t in (*X, *Y)]
    assert float(found.value) == pytest.approx(np.mean(means), rel=1e-12)
    np.testing.assert_allclose(found.by_word.numpy(), np.mean(means, axis=1), rtol=1e-12)

    found = formulas.relational_inner_product(torch.stack(SETS[:2], dim=1), SETS[2])
    products = [[a @ (x - y) / np.linalg.norm(x - y) for x, y in zip(X, Y)] for a in A]
    np.testing.assert_allclose(found.by_word.numpy(), np.mean(products, axis=1), rtol=1e-12)

    near_x, near_y = ([cosine(a, one.mean(0)) for a in A] for one in (X, Y))
    assert float(formulas.embedding_coherence(*SETS[:3]).value) == pytest.approx(spearmanr(near_x, near_y).statistic)


def test_rnsb_is_the_divergence_from_even_probabilities():
    found = formulas.relative_negative_sentiment(SETS[:2], *SETS[2:])
    p = found.by_word.numpy() / found.by_word.sum().item()
    assert len(p) == 16
    assert float(found.value) == pytest.approx(np.sum(p * np.log(16 * p)), rel=1e-10)
    even = formulas.relative_negative_sentiment([SETS[0][:1].repeat(5, 1)], *SETS[2:])
    assert float(even.value) == pytest.approx(0, abs=1e-12)


# What WEFE 1.0.1 gives for these words, RNSB with holdout=False and liblinear's tol=1e-12; WEFE works in float32.
WEFE = {
    "weat": -0.13741944251911406,
    "mac": 0.8736533522605896,
    "rnsb": 0.16138502814051903,
    "rnd": -0.034446410834789276,
    "ripa": -0.12542620301246643,
    "ect": 0.7500000000000002,
}


def test_wefe_says_the_same():
    ours = {
        "weat": formulas.weat(*SETS),
        "mac": formulas.mean_average_cosine(SETS[:2], SETS[2:]),
        "rnsb": formulas.relative_negative_sentiment(SETS[:2], *SETS[2:]),
        "rnd": formulas.relative_norm_distance(*SETS[:3]),
        "ripa": formulas.relational_inner_product(torch.stack(SETS[:2], dim=1), SETS[2]),
        "ect": formulas.embedding_coherence(*SETS[:3]),
    }
    assert {name: float(one.value) for name, one in ours.items()} == pytest.approx(WEFE, abs=1e-6)
