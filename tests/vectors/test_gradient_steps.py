"""What learns words by gradient steps: one step against autograd, groups that come apart, the same bits each time."""

from dataclasses import replace
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
import torch

from eigenlm.errors import ConfigError, DataError
from eigenlm.vectors import cbow, glove, skip_gram, subwords
from eigenlm.vectors.cooccurrence import cooccurrence
from eigenlm.vectors.corpus import Corpus, read_corpus
from eigenlm.vectors.disjoint_blocks import dealt
from eigenlm.vectors.epochs import Windows
from eigenlm.vectors.mean_of_rows import mean_of_rows, move_rows
from eigenlm.vectors.negative_sampling import chance_to_stay, drawn, key_of, noise_table, random_bits, reach, steps

SMALL = {"dim": 8, "epochs": 12, "seed": 3}
LEARNERS = [
    pytest.param(skip_gram, skip_gram.SkipGram(**SMALL, subsample=0.0), id="skip-gram"),
    pytest.param(cbow, cbow.ContinuousBagOfWords(**SMALL, subsample=0.0), id="cbow"),
    pytest.param(subwords, subwords.Subwords(**SMALL, subsample=0.0), id="subwords"),
    pytest.param(glove, glove.GloVe(**SMALL), id="glove"),
]


@pytest.fixture(scope="module")
def two_groups() -> Corpus:
    """Words a0..a9 stand only near each other, and so do b0..b9."""
    choose = np.random.default_rng(0).choice
    groups = [[f"{letter}{i}" for i in range(10)] for letter in "ab"]
    return read_corpus("\n".join(" ".join(choose(groups[line % 2], 12)) for line in range(1500)))


@pytest.mark.parametrize(("learner", "config"), LEARNERS)
def test_words_of_two_groups_come_apart_and_the_loss_falls(learner: ModuleType, config, two_groups):
    trained = learner.train(two_groups, config)
    centred = torch.nn.functional.normalize(trained.vectors - trained.vectors.mean(0))
    cosines = centred @ centred.T
    first = torch.tensor([word[0] == "a" for word in two_groups.words])
    assert cosines[first][:, first].min() > 0.3  # any two of one group are nearer than any two of both
    assert cosines[first][:, ~first].max() < -0.3
    assert len(trained.losses) == config.epochs
    assert trained.losses[-1] < trained.losses[0]


@pytest.mark.parametrize(("learner", "config"), LEARNERS)
def test_reruns_are_the_same_to_the_bit_for_any_number_of_threads(learner: ModuleType, config, two_groups):
    config = replace(config, epochs=2)
    threads = torch.get_num_threads()
    runs = []
    for number in (1, 3):
        torch.set_num_threads(number)
        runs.append(learner.train(two_groups, config))
    torch.set_num_threads(threads)
    assert torch.equal(runs[0].vectors, runs[1].vectors)
    assert runs[0].losses == runs[1].losses
    assert not torch.equal(runs[0].vectors, learner.train(two_groups, replace(config, seed=4)).vectors)


def test_steps_go_down_the_gradient_of_the_logistic_loss():
    """One word that is there and two that are drawn, all as seen from where the vectors were."""
    rng = np.random.default_rng(5)
    before, C = rng.normal(size=20).astype(np.float32), rng.normal(size=(4, 20)).astype(np.float32)
    w, c = (torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in (before, C))
    expected = -torch.nn.functional.logsigmoid(torch.stack([w @ c[2], -(w @ c[0]), -(w @ c[3])])).sum()
    expected.backward()
    room, loss = np.full((2, 24), 7, np.float32), np.array([0.5, 2.0])
    steps(before, C, np.array([2, ~0, ~3], np.int32), np.float32(0.1), room, loss)
    assert loss[0] + np.log(loss[1]) - 0.5 - np.log(2) == pytest.approx(expected.item(), rel=1e-5)  # float32, float64
    np.testing.assert_allclose(room[1, :20], -0.1 * w.grad, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(C, (c - 0.1 * c.grad).detach(), rtol=1e-5, atol=1e-6)


def test_a_product_of_losses_is_taken_into_the_sum_before_it_overflows():
    w, C, loss = np.zeros(8, np.float32), np.zeros((1, 8), np.float32), np.array([0.0, 1.0])
    steps(w, C, np.zeros(5000, np.int32), np.float32(0), np.empty((2, 5000), np.float32), loss)
    assert loss[0] + np.log(loss[1]) == pytest.approx(5000 * np.log(2))  # 2^5000 is beyond float64


def test_a_mean_hands_its_gradient_to_each_row_in_full():
    """As word2vec does: the rows move as far as their mean, whose gradient would be a share of it."""
    W = np.random.default_rng(6).normal(size=(5, 20)).astype(np.float32)
    before, rows, h = W.copy(), np.array([0, 3, 4], np.int32), np.empty(20, np.float32)
    mean_of_rows(W, rows, h)
    np.testing.assert_allclose(h, before[rows].mean(0), rtol=1e-5, atol=1e-6)
    move_rows(W, rows, np.ones(20, np.float32))
    before[rows] += 1
    np.testing.assert_allclose(W, before, rtol=1e-5, atol=1e-6)


def test_pairs_are_dealt_out_so_that_blocks_of_a_round_share_nothing():
    pairs = np.random.default_rng(8).integers(40, size=(500, 3)).astype(np.int32)
    pairs[::3, 1] = ~pairs[::3, 1]
    found, ends = dealt(pairs)
    assert sorted(found.tolist()) == sorted(pairs.tolist())
    blocks = [found[start:stop] for start, stop in pairwise(ends)]
    parts = round(len(blocks) ** 0.5)
    for shift in range(parts):
        together = [blocks[part * parts + (part + shift) % parts] for part in range(parts)]
        for side in (0, 1):
            seen = [set(np.maximum(block[:, side], ~block[:, side]).tolist()) for block in together]
            assert len(set().union(*seen)) == sum(map(len, seen))


def test_the_reported_loss_is_that_of_all_pairs():
    """At a rate that changes nothing every product is 0, so that each word costs log 2."""
    text = "\n".join("one two three four five six" for _ in range(40))
    still = {"rate": 1e-12, "last_rate": 1e-12, "subsample": 0.0, "epochs": 1, "window": 1}
    trained = skip_gram.train(read_corpus(text), skip_gram.SkipGram(**still, dim=4, negatives=3))
    assert 3.2 * np.log(2) < trained.losses[0] < 4 * np.log(2)  # a sixth of what is drawn is the word itself, left out


def test_glove_reports_and_lowers_its_objective(two_groups):
    config = glove.GloVe(dim=8, epochs=1, rate=1e-9, seed=2)
    trained = glove.train(two_groups, config)
    x = torch.from_numpy(cooccurrence(two_groups, window=15, weighting="harmonic").toarray()).double()
    present = x > 0
    small = torch.log(x[present]) ** 2 * (x[present] / 100).clamp(max=1) ** 0.75
    assert trained.losses[0] == pytest.approx(small.mean().item(), rel=0.1)  # products and biases begin near 0
    assert glove.train(two_groups, replace(config, rate=0.05, epochs=20)).losses[-1] < 0.05 * trained.losses[0]


def test_a_step_of_glove_goes_down_its_gradient():
    rng = np.random.default_rng(7)
    W, C = (np.stack([rng.normal(size=(3, 6)), np.full((3, 6), 2.0)]).astype(np.float32) for _ in range(2))
    W[0, :, 5] = C[0, :, 4] = 1
    parts = [torch.tensor(row, dtype=torch.float64, requires_grad=True) for row in (W[0, 1], C[0, 2])]
    loss = 0.3 * (parts[0] @ parts[1] - 1.5) ** 2
    loss.backward()
    pair, weight, log = np.array([[1, 2, 0]], np.int32), np.full(1, 0.3, np.float32), np.full(1, 1.5, np.float32)
    assert glove._fit(W, C, pair, weight, log, np.float32(0.1)) == pytest.approx(loss.item(), rel=1e-5)
    for table, part, fixed in ((W[:, 1], parts[0], 5), (C[:, 2], parts[1], 4)):
        slope = 0.1 * part.grad.numpy() / 2  # half of the derivative, as GloVe's own program has it
        expected = part.detach().numpy() - slope / np.sqrt(2)
        expected[fixed] = 1
        np.testing.assert_allclose(table[0], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(table[1][:4], (2 + slope**2)[:4], rtol=1e-5)


def _bits(key: np.uint64, place: int) -> np.uint64:
    return np.uint64(random_bits(key, np.uint64(place)))


def test_words_are_drawn_by_the_power_of_their_counts():
    counts = np.array([1000, 200, 50, 7, 7, 1])
    table, key = noise_table(counts, 0.75), key_of(1)
    found = np.bincount([drawn(table, _bits(key, n)) for n in range(40_000)], minlength=6) / 40_000
    shares = counts**0.75 / (counts**0.75).sum()
    np.testing.assert_allclose(found, shares, atol=0.01)  # four standard errors of the largest share


def test_frequent_words_stay_by_word2vecs_formula():
    stays = chance_to_stay(np.array([900, 99, 1]), 1e-3)
    np.testing.assert_allclose(stays, [(np.sqrt(900) + 1) / 900, (np.sqrt(99) + 1) / 99, 1], rtol=1e-6)
    assert chance_to_stay(np.array([900, 99, 1]), 0.0).tolist() == [1, 1, 1]


def test_windows_have_every_size_and_end_with_the_line():
    ids = np.array([0, 1, 2, -1, 3, 4, 5, 6, 7], np.int32)
    spans = {reach(ids, 5, 3, _bits(key_of(2), n)) for n in range(60)}
    assert spans == {(4, 7), (4, 8), (4, 9)}


def test_ngrams_fall_into_fasttexts_buckets():
    """The numbers are those of ft_ngram_hashes in gensim 4.4."""
    numbers, ends = subwords.cut(["hello", "é"], subwords.Subwords(min_n=3, max_n=3))
    assert ends.tolist() == [0, 5, 6]
    assert numbers.tolist() == [1188580, 1613742, 1992344, 617342, 1504790, 806231]


def test_a_word_that_the_text_has_not_has_the_mean_of_its_ngrams():
    text = "\n".join("walking talking walked talked" for _ in range(30))
    trained = subwords.train(read_corpus(text), subwords.Subwords(dim=8, epochs=1))
    assert trained.vector("stalking").norm() > 0
    assert torch.equal(trained.vector("xyzzy"), torch.zeros(8))


@pytest.mark.parametrize(
    "wrong",
    [{"dim": 0}, {"rate": float("nan")}, {"last_rate": 1.0}, {"subsample": -1.0}, {"seed": -1}, {"negatives": 0}],
)
def test_settings_that_cannot_be_are_refused(wrong: dict):
    with pytest.raises(ConfigError):
        Windows(**wrong)


def test_lengths_of_ngrams_and_glove_settings_are_refused():
    with pytest.raises(ConfigError, match="n-grams"):
        subwords.Subwords(min_n=4, max_n=3)
    with pytest.raises(ConfigError, match="x_max"):
        glove.GloVe(x_max=0.0)


def test_vectors_that_run_away_are_told(two_groups):
    with pytest.raises(DataError, match="finite loss"):
        skip_gram.train(two_groups, skip_gram.SkipGram(dim=8, rate=1e30))
