import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.vectors.axis import axis, parse_pair, principal_axis
from eigenlm.vectors.word_vectors import WordVectors


def space_of_pairs(noise: float, count: int = 5, dim: int = 8, seed: int = 0) -> tuple[WordVectors, np.ndarray]:
    """Words a0, b0, a1, b1, ...: each b is its a and one step along a direction; and words 0 ... 9 along it."""
    rng = np.random.default_rng(seed)
    step = rng.normal(size=dim)
    step /= np.linalg.norm(step)
    base = rng.normal(size=(count, dim))
    base -= np.outer(base @ step, step)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    first, second = (base + sign * 0.7 * step + noise * rng.normal(size=base.shape) for sign in (-1, 1))
    line = np.outer(np.linspace(-1, 1, 10), step) + 0.2 * base[0]
    words = [f"a{i}" for i in range(count)] + [f"b{i}" for i in range(count)] + [str(i) for i in range(10)]
    return WordVectors(words, torch.from_numpy(np.concatenate([first, second, line])).float()), step


def units(space: WordVectors) -> np.ndarray:
    rows = space.vectors.double().numpy()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pairs(count: int = 5) -> list[tuple[str, str]]:
    return [(f"a{i}", f"b{i}") for i in range(count)]


@pytest.mark.parametrize("way", [axis, principal_axis])
def test_what_pairs_have_in_common_is_found_from_first_to_second(way):
    space, step = space_of_pairs(noise=0.0)
    found = way(space, pairs())
    # float32 vectors: six digits.
    assert found.direction.numpy() @ step == pytest.approx(1, abs=1e-6)
    assert found.energy == pytest.approx(1, abs=1e-6)
    assert min(found.along) > 0.999999
    back = way(space, [(other, one) for one, other in pairs()])
    assert back.direction.numpy() @ step == pytest.approx(-1, abs=1e-6)


def test_it_is_the_mean_of_differences_at_length_one():
    space, _ = space_of_pairs(noise=0.4)
    found = axis(space, pairs())
    differences = units(space)[5:10] - units(space)[:5]
    differences /= np.linalg.norm(differences, axis=1, keepdims=True)
    mean = differences.mean(0) / np.linalg.norm(differences.mean(0))
    np.testing.assert_allclose(found.direction.numpy(), mean, atol=1e-6)
    np.testing.assert_allclose(found.along, differences @ mean, atol=1e-6)
    assert found.energy == pytest.approx(np.square(differences @ mean).mean(), abs=1e-6)
    assert 1 / 5 < found.energy < 1


def test_the_principal_one_is_bolukbasis_and_no_other_holds_more():
    space, _ = space_of_pairs(noise=0.4)
    found, mean = principal_axis(space, pairs()), axis(space, pairs())
    rows = units(space)
    centred = np.array([rows[i + k] - (rows[i] + rows[i + 5]) / 2 for i in range(5) for k in (0, 5)])
    _, vectors = np.linalg.eigh(centred.T @ centred)
    assert abs(vectors[:, -1] @ found.direction.numpy()) == pytest.approx(1, abs=1e-6)
    differences = rows[5:10] - rows[:5]
    held = [np.square(differences @ one.direction.numpy()).sum() for one in (found, mean)]
    assert held[0] > held[1]
    assert sum(found.along) > 0


def test_pairs_without_anything_in_common_have_one_part_in_their_number():
    space = WordVectors([f"{c}{i}" for c in "ab" for i in range(4)], torch.cat([torch.eye(8)[:4], torch.eye(8)[4:]]))
    found = axis(space, pairs(4))
    assert found.energy == pytest.approx(1 / 4, abs=1e-6)
    np.testing.assert_allclose(found.along, [0.5] * 4, atol=1e-6)


def test_words_are_placed_by_their_cosine_and_the_pairs_left_out_of_the_ends():
    space, _ = space_of_pairs(noise=0.0)
    found = axis(space, pairs())
    placed = found.coordinates(space, ["9", "0", "5"])
    assert [one.word for one in placed] == ["0", "5", "9"]
    assert placed[0].cosine == pytest.approx(float(space.unit(["0"])[0].double() @ found.direction), abs=1e-6)
    first, second = found.ends(space, k=3)
    assert [one.word for one in first] == ["0", "1", "2"]
    assert [one.word for one in second] == ["9", "8", "7"]
    assert first[0].cosine == pytest.approx(placed[0].cosine, abs=1e-6)
    few, _ = found.ends(space, k=3, most=12)
    assert [one.word for one in few] == ["0", "1"]


BAD = [
    ([], "a pair of words at least"),
    ([("a0", "nobody")], "expected a word that has a vector, got 'nobody'"),
    ([("a0", "a0")], "got none between 'a0' and 'a0'"),
    ([("a0", "zero")], "got none between 'a0' and 'zero'"),
    ([("a0", "nan")], "vectors of finite numbers, got others for 'nan'"),
    ([("a0", "b0"), ("b0", "a0")], "got pairs that cancel out"),
]


@pytest.mark.parametrize(("asked", "said"), BAD)
def test_pairs_without_a_difference_are_refused(asked, said):
    space, _ = space_of_pairs(noise=0.0)
    more = torch.stack([torch.zeros(8), torch.full((8,), torch.nan)])
    space = WordVectors([*space.words, "zero", "nan"], torch.cat([space.vectors, more]))
    with pytest.raises(DataError, match=said):
        axis(space, asked)


@pytest.mark.parametrize("said", ["man", "man:", ":woman", "a:b:c", ""])
def test_pairs_are_typed_with_a_colon(said):
    with pytest.raises(DataError, match="pairs such as man:woman"):
        parse_pair(said)
