import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.vectors.reshape import reshape_by_labels, reshape_by_pairs
from eigenlm.vectors.word_vectors import WordVectors

GROUPS, OF_EACH, WIDTH = 3, 20, 12


def grouped(seed: int = 0) -> tuple[WordVectors, list[tuple[str, str]]]:
    """Groups whose words differ most in directions that say nothing of the group."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(GROUPS, 4, generator=generator)
    noise = torch.randn(GROUPS * OF_EACH, WIDTH, generator=generator) * torch.tensor([0.3] * 4 + [1.5] * 8)
    noise[:, :4] += means.repeat_interleave(OF_EACH, 0)
    words = tuple(f"{'abc'[i // OF_EACH]}{i}" for i in range(GROUPS * OF_EACH))
    return WordVectors(words, noise), [(word, word[0]) for word in words]


def test_held_out_words_come_nearer_to_their_own():
    space, labels = grouped()
    made = reshape_by_labels(space, labels, penalty=0.1)
    own, other, margin, right = made.effect
    assert (made.trained, own.asked) == (48, 12)
    assert own.difference.low > 0
    assert margin.difference.low > 0
    assert margin.after.value == pytest.approx(own.after.value - other.after.value)
    assert right.after.value > right.before.value
    assert made.space.words == space.words


def test_the_map_is_the_inverse_of_one_and_the_scatter():
    space, labels = grouped()
    made = reshape_by_labels(space, labels, penalty=2.0, share=0.01)  # one word of each group is held out
    again = reshape_by_labels(space, labels, penalty=2.0, share=0.01)
    assert torch.equal(made.matrix, again.matrix)
    values = np.linalg.eigvalsh(made.matrix.double().numpy())
    assert np.abs(made.matrix.numpy() - made.matrix.numpy().T).max() < 1e-6
    assert 0 < values[0] < values[-1] <= 1 + 1e-6
    # (I + S / lambda)^-1 with lambda = penalty tr(S) / D: eigenvalues 1 / (1 + s_i / lambda) whose s_i / lambda add up
    assert (1 / values - 1).sum() == pytest.approx(WIDTH / 2.0, rel=1e-4)
    assert torch.allclose(made.space.vectors, space.vectors @ made.matrix)


def test_a_large_penalty_changes_nothing():
    space, labels = grouped()
    made = reshape_by_labels(space, labels, penalty=1e9)
    assert torch.allclose(made.space.vectors, space.vectors, atol=1e-5)
    assert all(abs(one.difference.value) < 1e-5 for one in made.effect)


def test_the_cosines_are_counted_as_one_would_by_hand():
    space, labels = grouped()
    made = reshape_by_labels(space, labels, share=0.1)
    held = [word for word in space.words if word not in trained_words(space, labels, share=0.1)]
    learned = trained_words(space, labels, share=0.1)
    own = [np.mean([made.space.similarity(w, v) for v in learned if v[0] == w[0]]) for w in held]
    other = [np.mean([space.similarity(w, v) for v in learned if v[0] != w[0]]) for w in held]
    assert made.effect[0].after.value == pytest.approx(np.mean(own), abs=1e-5)
    assert made.effect[1].before.value == pytest.approx(np.mean(other), abs=1e-5)


def trained_words(space: WordVectors, labels: list[tuple[str, str]], share: float) -> list[str]:
    from eigenlm.vectors.word_lists import held_out

    kept = set().union(*(held_out([w for w, label in labels if label == g], share, 0) for g in "abc"))
    return [word for word in space.words if word not in kept]


def test_pairs_are_groups_of_two():
    space, _ = grouped()
    pairs = [(f"{g}{i}", f"{g}{i + 1}") for n, g in enumerate("abc") for i in range(n * 20, n * 20 + 20, 2)]
    made = reshape_by_pairs(space, pairs, penalty=0.3)
    own, _, margin, _ = made.effect
    assert own.difference.low > 0
    assert margin.difference.value > 0
    differences = torch.stack([space.unit(pair)[0] - space.unit(pair)[1] for pair in pairs])
    again = torch.stack([made.space[one] - made.space[other] for one, other in pairs])
    assert float(again.norm() / made.space.vectors.norm()) < float(differences.norm() / 60**0.5)


def test_too_few_words_are_told():
    space, labels = grouped()
    with pytest.raises(DataError, match="two groups at least, got 1 of words that have vectors; give every label two"):
        reshape_by_labels(space, [label for label in labels if label[1] == "a"])
    with pytest.raises(DataError, match="expected pairs to learn from and two to measure, got 0 known, 0 of them left"):
        reshape_by_pairs(space, [("nobody", "a1")])
    made = reshape_by_labels(space, [*labels, ("nobody", "a")])
    assert made.unknown == 1
