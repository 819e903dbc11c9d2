import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.vectors.axis import axis, parse_pair
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


def pairs(count: int = 5) -> list[tuple[str, str]]:
    return [(f"a{i}", f"b{i}") for i in range(count)]


def test_what_pairs_have_in_common_is_found_from_first_to_second():
    space, step = space_of_pairs(noise=0.0)
    found = axis(space, pairs())
    # float32 vectors: six digits.
    assert found.direction.numpy() @ step == pytest.approx(1, abs=1e-6)
    assert found.energy == pytest.approx(1, abs=1e-6)
    assert min(found.along) > 0.999999
    back = axis(space, [(other, one) for one, other in pairs()])
    assert back.direction.numpy() @ step == pytest.approx(-1, abs=1e-6)


def test_it_is_bolukbasis_principal_component_and_no_other_holds_more():
    space, _ = space_of_pairs(noise=0.4)
    found = axis(space, pairs())
    units = space.vectors.double().numpy()
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    centred = [units[space.index(w)] - (units[i] + units[i + 5]) / 2 for i in range(5) for w in (f"a{i}", f"b{i}")]
    values, vectors = np.linalg.eigh(np.array(centred).T @ np.array(centred))
    assert abs(vectors[:, -1] @ found.direction.numpy()) == pytest.approx(1, abs=1e-6)
    assert found.energy == pytest.approx(values[-1] / values.sum(), abs=1e-6)
    differences = units[5:10] - units[:5]
    mean = differences.mean(0) / np.linalg.norm(differences.mean(0))
    assert found.energy >= np.square(differences @ mean).sum() / np.square(differences).sum()
    assert 1 / 5 < found.energy < 1


def test_words_are_placed_by_their_cosine_and_the_pairs_left_out_of_the_ends():
    space, _ = space_of_pairs(noise=0.0)
    found = axis(space, pairs())
    placed = found.coordinates(space, ["9", "0", "5"])
    assert [one.word for one in placed] == ["0", "5", "9"]
    assert placed[0].cosine == pytest.approx(float(space.unit(["0"])[0].double() @ found.direction), abs=1e-6)
    first, second = found.ends(space, k=3)
    assert [one.word for one in first] == ["0", "1", "2"]
    assert [one.word for one in second] == ["9", "8", "7"]
    assert first[0].cosine == placed[0].cosine
    few, _ = found.ends(space, k=3, most=12)
    assert [one.word for one in few] == ["0", "1"]


BAD = [
    ([], "a pair of words at least"),
    ([("a0", "nobody")], "expected a word that has a vector, got 'nobody'"),
    ([("a0", "a0")], "got none between 'a0' and 'a0'"),
    ([("a0", "zero")], "got none between 'a0' and 'zero'"),
    ([("a0", "nan")], "vectors of finite numbers"),
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
