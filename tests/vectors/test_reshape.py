import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.vectors.reshape import reshape_by_labels, reshape_by_pairs
from eigenlm.vectors.word_vectors import WordVectors

GROUPS, OF_EACH, WIDTH = 3, 20, 12


def grouped(seed: int = 0) -> tuple[WordVectors, list[tuple[str, str]]]:
    """Groups whose words differ most in directions that say nothing of the group, and as many words of no group."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(GROUPS, 4, generator=generator)
    noise = torch.randn(2 * GROUPS * OF_EACH, WIDTH, generator=generator) * torch.tensor([0.5] * 4 + [1.0] * 8)
    noise[: GROUPS * OF_EACH, :4] += means.repeat_interleave(OF_EACH, 0)
    words = tuple(f"{'abcxyz'[i // OF_EACH]}{i}" for i in range(2 * GROUPS * OF_EACH))
    return WordVectors(words, noise), [(word, word[0]) for word in words if word[0] in "abc"]


def test_words_it_was_not_learned_from_come_nearer_to_their_own_than_to_others():
    space, labels = grouped()
    made = reshape_by_labels(space, labels)
    own, other, margin, nearest = made.effect
    assert (made.trained, own.asked) == (60, 60)
    assert margin.difference.low > 0
    assert margin.after.value == pytest.approx(own.after.value - other.after.value, abs=1e-6)
    assert nearest.after.value > nearest.before.value
    assert made.space.words == space.words


def test_labels_that_mean_nothing_bring_nothing_to_words_that_were_held_out():
    space, labels = grouped()
    shuffled = [(word, "abc"[i % 3]) for i, (word, _) in enumerate(labels)]
    margin = reshape_by_labels(space, shuffled).effect[2]
    assert margin.difference.low < 0.02


def test_the_map_solves_its_normal_equations():
    space, labels = grouped()
    made = reshape_by_labels(space, labels, penalty=0.5, strength=2.0)
    X = space.unit(word for word, _ in labels).double().numpy()
    means = X.reshape(GROUPS, OF_EACH, WIDTH).mean(1)
    T = X + 2.0 * np.repeat(means - means.mean(0), OF_EACH, axis=0)
    ridge = 0.5 * len(X) / WIDTH * np.eye(WIDTH)
    assert made.matrix.numpy() == pytest.approx(np.linalg.solve(X.T @ X + ridge, X.T @ T + ridge), abs=1e-5)
    assert torch.allclose(made.space.vectors, space.vectors @ made.matrix)


def test_a_large_penalty_changes_nothing():
    space, labels = grouped()
    made = reshape_by_labels(space, labels, penalty=1e9)
    assert torch.allclose(made.space.vectors, space.vectors, atol=1e-5)
    assert all(abs(one.difference.value) < 1e-5 for one in made.effect)


def test_what_was_before_is_what_one_would_count_by_hand():
    space, labels = grouped()
    own, other, _, nearest = reshape_by_labels(space, labels).effect
    words = [word for word, _ in labels]
    # over all other words instead of the other four fifths: the same but for which fifth a pair of words shares
    by_hand = [
        [space.similarity(w, v) for v in words if (v[0] == w[0]) == same and v != w]
        for same in (True, False)
        for w in words
    ]
    assert own.before.value == pytest.approx(np.mean([np.mean(some) for some in by_hand[:60]]), abs=0.02)
    assert other.before.value == pytest.approx(np.mean([np.mean(some) for some in by_hand[60:]]), abs=0.02)
    best = [max((space.similarity(w, v), v) for v in words if v != w)[1][0] == w[0] for w in words]
    assert nearest.before.value == pytest.approx(np.mean(best), abs=0.1)


def test_pairs_are_groups_of_two():
    space, _ = grouped()
    pairs = [(f"{g}{i}", f"{g}{i + 1}") for n, g in enumerate("abc") for i in range(n * 20, n * 20 + 20, 2)]
    made = reshape_by_pairs(space, pairs)
    assert (made.trained, made.effect[0].asked) == (60, 30)
    assert made.effect[2].difference.low > 0
    X = space.unit(word for pair in pairs for word in pair).double().numpy()
    means = X.reshape(30, 2, WIDTH).mean(1)
    T = X + np.repeat(means - means.mean(0), 2, axis=0)
    ridge = 0.3 * len(X) / WIDTH * np.eye(WIDTH)
    assert made.matrix.numpy() == pytest.approx(np.linalg.solve(X.T @ X + ridge, X.T @ T + ridge), abs=1e-5)


def test_too_few_words_are_told():
    space, labels = grouped()
    with pytest.raises(DataError, match="two groups at least, got 1 of words that have vectors; give every label two"):
        reshape_by_labels(space, [label for label in labels if label[1] == "a"])
    for pairs in ([], [("nobody", "a1")], [("a1", "a2")]):
        with pytest.raises(DataError, match=r"expected pairs to learn from and to measure, got [01] known; give more"):
            reshape_by_pairs(space, pairs)
    assert reshape_by_labels(space, [*labels, ("nobody", "a")]).unknown == 1
