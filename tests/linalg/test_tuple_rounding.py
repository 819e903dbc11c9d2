"""Numbers rounded four at a time, against a naive twin that tries every point with every sign."""

from itertools import product

import numpy as np
import pytest
import torch
from tests.linalg.test_coordinate_descent import Steps, damped, gram, loss, numbers

from eigenlm.linalg.coordinate_descent import descend
from eigenlm.linalg.error_feedback import feedback, round_in_turn
from eigenlm.linalg.grid_search.tuples import Tuples, by_tuples, place_of
from eigenlm.linalg.seeded import seeded

POINTS = np.array([[1, 1, 1, 1], [3, 1, 1, 1], [1, 3, 3, 1], [1, 1, 5, 3], [3, 3, 3, 3], [5, 1, 3, 5]], np.float32)


def steps_of(x: np.ndarray, weights: np.ndarray) -> Steps:
    groups = len(x), x.shape[1] // 4
    step = 0.2 + 0.1 * np.arange(groups[0] * groups[1], dtype=np.float32).reshape(groups) % 0.3
    return Steps(np.full(x.shape, 3, np.uint8), step, np.zeros(groups, np.float32))


def of_each_four(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes and signs."""
    values = Tuples.of(POINTS, even=False).values[codes].reshape(-1, 4)
    return np.abs(values), values < 0


def rounded(W, inputs, outputs, tuples):
    return list(round_in_turn(W, inputs, outputs, 8, tuples.values, steps_of, tuples))


@pytest.mark.parametrize("even", [False, True])
def test_each_four_get_the_best_of_all_points_and_signs(even):
    W, inputs = torch.randn(9, 8, generator=seeded(1)), feedback(gram(8, 2))
    tuples = Tuples.of(POINTS, even=even)
    (block,) = rounded(W, inputs, feedback(torch.ones(9)), tuples)
    d, R = inputs.weights.double().numpy(), inputs.passed_on.double().numpy()
    for i, row in enumerate(W.double().numpy()):
        errors, told = np.zeros(8), np.zeros(8)
        for start in (0, 4):
            step, best = float(block.step[i, start // 4]), np.inf
            wanted = row[start : start + 4] + errors @ R[:, start : start + 4]
            likely = tuples.near[place_of(wanted.astype(np.float32), tuples.magnitudes, np.float32(1 / step))]
            in_turn = np.concatenate([tuples.points[[likely]], tuples.points]).astype(np.float64)
            for point, turned in product(in_turn, range(-1, 4)):
                signs = signs_of(row, errors, R, start, point * step, turned)
                tried = errors.copy()
                tried[start : start + 4] = row[start : start + 4] - step * point * signs
                cost = sum(d[k] * (tried[: k + 1] @ R[: k + 1, k]) ** 2 for k in range(start, start + 4))
                free = cost if turned < 0 else free
                odd = (np.sum(told < 0) + np.sum(signs < 0)) % 2
                if cost < best and (turned < 0 or (even and start and free < best)) and not (even and start and odd):
                    best, chosen, values = cost, tried, step * point * signs
            errors = chosen
            told[start : start + 4] = values
        values = block.numbers(tuples.values)[i].numpy()
        np.testing.assert_allclose(values, told, rtol=1e-5)


def signs_of(row, errors, R, start, magnitudes, turned):
    """Of what is wanted of four numbers, one after another, but for one that is turned."""
    errors, signs = errors.copy(), []
    for k in range(start, start + 4):
        wanted = row[k] + errors[:k] @ R[:k, k]
        signs.append(-1 if (wanted < 0) != (k - start == turned) else 1)
        errors[k] = row[k] - signs[-1] * magnitudes[k - start]
    return np.array(signs)


@pytest.mark.parametrize("even", [False, True])
def test_codes_stay_points_with_allowed_signs_when_they_are_moved_and_less_is_lost(even):
    W, C, G = torch.randn(40, 32, generator=seeded(7)), gram(32, 8), gram(40, 10)
    inputs, outputs, tuples = feedback(C), feedback(G), Tuples.of(POINTS, even=even)
    blocks = rounded(W, inputs, outputs, tuples)
    before = loss(W.double() - numbers(blocks, tuples.values), damped(C), damped(G))
    descend(W, blocks, inputs, outputs, tuples.values, tuples=tuples)
    after = loss(W.double() - numbers(blocks, tuples.values), damped(C), damped(G))
    assert after < 0.97 * before
    for block in blocks:
        magnitudes, negative = of_each_four(block.codes)
        assert {tuple(point) for point in magnitudes} <= {tuple(point) for point in POINTS}
        if even:
            assert not (negative.reshape(-1, 8).sum(axis=1) % 2).any()


def test_a_step_is_found_again_and_its_unit_does_not_matter():
    tuples, draw = Tuples.of(POINTS, even=False), np.random.default_rng(0)
    x = (POINTS[draw.integers(len(POINTS), size=8)] * draw.choice([-1, 1], size=(8, 4))).flatten().astype(np.float32)
    w = draw.random(32).astype(np.float32)
    found = [
        float(by_tuples(unit * x, w, tuples.magnitudes, tuples.points, tuples.near)) / unit
        for unit in (np.float32(1), np.float32(2**-40), np.float32(2**30))
    ]
    assert found == pytest.approx([1.0] * 3, rel=1e-5)
    assert by_tuples(np.zeros(32, np.float32), w, tuples.magnitudes, tuples.points, tuples.near) == 0


def test_every_four_levels_have_the_nearest_point():
    tuples = Tuples.of(POINTS, even=False)
    assert tuples.magnitudes.tolist() == [1, 3, 5]
    for levels in product(range(3), repeat=4):
        place = sum(level * 3**i for i, level in enumerate(levels))
        off = ((tuples.points - tuples.magnitudes[list(levels)]) ** 2).sum(axis=1)
        assert off[tuples.near[place]] == off.min()
        assert (tuples.at[place] >= 0) == (off.min() == 0)
