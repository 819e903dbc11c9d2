import numpy as np
import pytest
import scipy.stats
import torch

from eigenlm.errors import ConfigError, DataError
from eigenlm.vectors.align import align
from eigenlm.vectors.word_lists import held_out, read_word_pairs
from eigenlm.vectors.word_vectors import WordVectors

WORDS, WIDTH = 120, 10


def two_languages(noise: float = 0.0, seed: int = 0) -> tuple[WordVectors, WordVectors, list[tuple[str, str]]]:
    """The same points, turned, under other names and in another order."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(WORDS, WIDTH, generator=generator)
    turned = points @ torch.from_numpy(scipy.stats.ortho_group.rvs(WIDTH, random_state=seed)).float()
    turned += noise * torch.randn(WORDS, WIDTH, generator=generator)
    order = torch.randperm(WORDS, generator=generator)
    source = WordVectors(tuple(f"wort{i}" for i in range(WORDS)), points)
    target = WordVectors(tuple(f"word{i}" for i in order.tolist()), turned[order])
    return source, target, [(f"wort{i}", f"word{i}") for i in range(60)]


@pytest.mark.parametrize("method", ["procrustes", "ridge"])
def test_a_turned_space_is_found_again_from_some_words(method):
    source, target, pairs = two_languages()
    found = align(source, target, pairs, method=method, penalty=0.0)
    assert (found.trained, found.held_out, found.unknown, found.candidates) == (48, 12, 0, WORDS)
    assert [(one.nearest.value, one.csls.value) for one in found.precision] == [(1, 1), (1, 1)]
    for i in (0, 59, 60, WORDS - 1):  # also words that are in no pair
        assert torch.allclose(found.space[f"wort{i}"], target[f"word{i}"], atol=1e-4)


def test_a_rotation_keeps_all_cosines_of_the_source():
    source, target, pairs = two_languages(noise=0.5)
    found = align(source, target, pairs)
    for other in ("wort7", "wort99"):
        assert found.space.similarity("wort0", other) == pytest.approx(source.similarity("wort0", other), abs=1e-5)
    assert not torch.allclose(found.space.vectors, source.vectors, atol=0.1)


def test_pairs_that_are_wrong_translate_nothing():
    source, target, pairs = two_languages()
    shuffled = [(one, pairs[(i * 7 + 3) % 60][1]) for i, (one, _) in enumerate(pairs)]
    assert align(source, target, shuffled).precision[0].nearest.value < 0.3


def test_held_out_words_are_in_no_pair_that_is_learned_from():
    source, target, pairs = two_languages()
    twice = [*pairs, *[(one, "word100") for one, _ in pairs]]
    kept = held_out([one for one, _ in twice], 0.2, seed=3)
    found = align(source, target, twice, seed=3)
    assert (found.held_out, found.trained) == (len(kept), 2 * (60 - len(kept))) == (12, 96)
    assert kept != held_out([one for one, _ in twice], 0.2, seed=4)


def test_any_of_several_translations_is_right():
    source, target, pairs = two_languages()
    wrong_first = [pair for one, other in pairs for pair in ((one, "word110"), (one, other))]
    by_hand = align(source, target, pairs)
    assert by_hand.precision[0].nearest.value == 1
    # the second of both is what the rotation, learned from a mixture, still finds for some
    assert align(source, target, wrong_first).precision[1].nearest.value > 0


def test_other_widths_are_for_the_ridge_alone():
    source, target, pairs = two_languages()
    narrow = WordVectors(target.words, target.vectors[:, :4])
    with pytest.raises(ConfigError, match="two spaces of one width, got 10 and 4 numbers a vector; use --method ridge"):
        align(source, narrow, pairs)
    found = align(source, narrow, pairs, method="ridge", penalty=0.0)
    kept = held_out([one for one, _ in pairs], 0.2, seed=0)
    learned = [pair for pair in pairs if pair[0] not in kept]
    X, Y = source.unit(one for one, _ in learned).numpy(), narrow.unit(other for _, other in learned).numpy()
    assert found.matrix.numpy() == pytest.approx(np.linalg.lstsq(X, Y, rcond=None)[0], abs=1e-4)
    assert torch.allclose(found.space.vectors, source.vectors @ found.matrix)


def test_pairs_without_vectors_are_counted_or_refused():
    source, target, pairs = two_languages()
    assert align(source, target, [*pairs, ("nobody", "word1")]).unknown == 1
    with pytest.raises(DataError, match="two known source words at least, got 1 of 2 pairs whose words both have"):
        align(source, target, [("wort1", "word1"), ("nobody", "word1")])


FILES = {
    "three.txt": ("a b\nc d e\n", "three.txt, line 2: expected two words, got 3"),
    "tab.txt": ("new york\tbig apple\nalone\n", "tab.txt, line 2: expected two words, got 1"),
    "empty.txt": ("\n\n", "expected lines of two words, got none"),
}


@pytest.mark.parametrize("name", FILES)
def test_lines_that_are_no_pairs_are_told(name, tmp_path):
    content, line = FILES[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=line):
        read_word_pairs(tmp_path / name)


def test_pairs_stand_between_white_space_or_tabs(tmp_path):
    (tmp_path / "pairs.txt").write_text("hund dog\n\nnew york\tbig apple\n")
    assert read_word_pairs(tmp_path / "pairs.txt") == [("hund", "dog"), ("new york", "big apple")]
    with pytest.raises(DataError, match="expected a text of pairs"):
        read_word_pairs(tmp_path)
