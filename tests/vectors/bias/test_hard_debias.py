"""Hard debiasing by its properties and by WEFE's vectors; and that what it leaves is found where it was put."""

import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.bias import DebiasWords, bias, hard_debias, leftover, parse_query
from eigenlm.vectors.word_vectors import WordVectors
from tests.vectors.bias.spaces import space

WORDS = DebiasWords(
    name="g",
    pairs=(("w0", "w8"), ("w1", "w9"), ("w2", "w10")),
    equalize=(("w0", "w8"), ("w3", "w11")),
    specific=frozenset({"W0", "w8", "w20"}),
)


def test_every_other_word_has_nothing_of_the_direction_and_points_as_before_else():
    before, found = space(), hard_debias(space(), WORDS)
    g = found.axis.direction.float()
    kept = {"w0", "w8", "w20", "w3", "w11"}
    units = unit_rows(before.vectors)
    for i, word in enumerate(before.words):
        vector = found.space[word]
        assert float(vector.norm()) == pytest.approx(1, abs=1e-6)
        if word not in kept:
            assert float(vector @ g) == pytest.approx(0, abs=1e-6)
            rest = units[i] - (units[i] @ g) * g
            assert float(vector @ rest / rest.norm()) == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(found.space["w20"], units[20])
    assert found.kept == ("w0", "w8", "w20")
    assert found.equalized == (("w0", "w8"), ("w3", "w11"))
    torch.testing.assert_close(before.vectors, space().vectors)


def test_equal_pairs_are_as_near_to_every_neutral_word_and_keep_their_order():
    before, found = space(), hard_debias(space(), WORDS)
    g = found.axis.direction.float()
    neutral = found.space.unit([f"w{i}" for i in range(25, 40)])
    for one, other in found.equalized:
        torch.testing.assert_close(neutral @ found.space[one], neutral @ found.space[other], atol=1e-6, rtol=0)
        assert (found.space[one] - found.space[other]) @ g * ((before.unit([one]) - before.unit([other])) @ g) > 0


# What WEFE 1.0.1's HardDebias gives, for pairs and words as above. It leaves w3 and w11 longer than 1: at the end it
# divides by lengths that gensim has kept from before they were equalized.
WEFE = {
    "w0": [0.45684901, -0.14533302, -0.12434776, 0.52150124, 0.69381797, -0.03685048],
    "w8": [0.22579309, -0.26758215, 0.38926584, -0.62535697, 0.55744934, -0.15513931],
    "w3": [0.1691996, 0.15163878, 0.56037277, -0.74975169, 0.47054192, 0.1853635],
    "w11": [0.45848864, 0.30653071, -0.05506258, 0.63926017, 0.65221399, 0.33637741],
    "w20": [-0.44199291, 0.41574231, 0.23418312, -0.33519661, 0.45687214, 0.50583595],
    "w30": [0.34050635, -0.42181453, 0.46336398, 0.10994274, 0.02152453, 0.6920051],
}


def test_wefe_says_the_same():
    found = hard_debias(space(), WORDS).space
    assert set(WEFE) == {"w0", "w8", "w3", "w11", "w20", "w30"}
    for word, vector in WEFE.items():
        # WEFE finds the direction in float32, so that it lies 1e-6 beside.
        np.testing.assert_allclose(found[word].numpy(), np.array(vector) / np.linalg.norm(vector), atol=2e-6)


def test_what_cannot_be_taken_out_is_told():
    found = hard_debias(space(), DebiasWords(name="g", pairs=(("w0", "w8"), ("no", "w1")), equalize=(("w2", "no"),)))
    assert (found.missing, found.equalized) == ((("no", "w1"),), ())
    with pytest.raises(DataError, match="got none of 1"):
        hard_debias(space(), DebiasWords(name="g", pairs=(("no", "nobody"),)))
    damaged = space()
    damaged.vectors[33, 0] = torch.inf
    with pytest.raises(DataError, match="expected finite numbers"):
        hard_debias(damaged, WORDS)


def test_a_word_of_the_direction_alone_and_a_zero_vector_become_zero():
    vectors = torch.tensor([[1.0, 1, 0], [-1.0, 1, 0], [3.0, 0, 0], [0, 0, 0], [1, 1, 1]])
    found = hard_debias(WordVectors(tuple("abcde"), vectors), DebiasWords(name="g", pairs=(("a", "b"),)))
    assert found.space.vectors[2:4].count_nonzero() == 0
    torch.testing.assert_close(found.space["e"], torch.tensor([0, 0.5**0.5, 0.5**0.5]))


def biased(company: float, *, count: int = 300) -> WordVectors:
    """Pairs along a direction; and words to either side of it, with another direction that goes along."""
    generator = torch.Generator().manual_seed(0)
    g, h = torch.eye(20)[:2]
    side = torch.where(torch.arange(count) % 2 == 0, 1.0, -1.0)[:, None]
    noise = torch.randn(count, 20, generator=generator) * 0.3
    noise[:, :2] = 0
    bias = side * (0.5 + 0.5 * torch.rand(count, 1, generator=generator))
    others = bias * g + company * side * h + noise
    base = torch.randn(4, 20, generator=generator)
    base[:, :2] = 0
    pairs = torch.stack([base + g, base - g], dim=1).flatten(0, 1)
    return WordVectors(
        [*(f"{c}{i}" for i in range(4) for c in "ab"), *map(str, range(count))], torch.cat([pairs, others])
    )


ALONG_G = DebiasWords(name="g", pairs=tuple((f"b{i}", f"a{i}") for i in range(4)))


def test_company_that_a_bias_keeps_is_left_and_without_it_nothing_is():
    found = {}
    for company in (0.0, 0.8):
        before = biased(company)
        found[company] = leftover(before, hard_debias(before, ALONG_G))
    for left in found.values():
        assert left.each == 37  # an eighth of the 300 words that are no pairs
        assert min(left.before.clustered.value, left.before.classified.value) > 0.95
        assert left.before.neighbours.value > 0.8
        assert all(int(word) % 2 == 1 for word in left.first)
        assert all(int(word) % 2 == 0 for word in left.second)
    assert found[0.8].after.classified.low > 0.8
    assert found[0.8].after.clustered.low > 0.8
    assert found[0.8].after.neighbours.low > 0.5
    assert found[0.0].after.classified.low < 0.5 < found[0.0].after.classified.high
    assert abs(found[0.0].after.neighbours.value) < 0.3
    assert found[0.0].after.clustered.low < 0.5 or found[0.0].after.clustered.value < 0.65


def test_the_association_itself_is_gone_though_company_is_left():
    before = biased(0.8)
    asked = [parse_query("0,2,4,6,8 / 1,3,5,7,9 ~ a0,a1 / b0,b1")]
    assert bias(before, asked)[0].scores[0].value.value > 1.5
    equal = DebiasWords(name="g", pairs=ALONG_G.pairs, equalize=ALONG_G.pairs)
    after = hard_debias(before, equal).space
    assert abs(bias(after, asked)[0].scores[0].value.value) < 1e-3


def test_too_few_words_are_told():
    with pytest.raises(DataError, match="expected 80 words that neither define"):
        leftover(space(), hard_debias(space(), WORDS))


def test_it_is_found_again_with_a_seed():
    before = biased(0.3)
    debiased = hard_debias(before, ALONG_G)
    assert leftover(before, debiased, seed=1) == leftover(before, debiased, seed=1)
