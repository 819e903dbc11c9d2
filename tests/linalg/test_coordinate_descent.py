"""Codes moved one by one, against a naive twin that tries every value and against what rounding in turn leaves."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from eigenlm.linalg.coordinate_descent import descend
from eigenlm.linalg.error_feedback import feedback, round_in_turn
from eigenlm.linalg.seeded import seeded

EVEN = np.arange(-8, 8, dtype=np.float32)
UNEVEN = np.array([-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12], np.float32)


@dataclass
class Steps:
    """A block of columns whose groups of four have a step and a least value each."""

    codes: np.ndarray
    step: np.ndarray
    low: np.ndarray
    between: float = 0.0

    def steps(self) -> np.ndarray:
        return self.step

    def lows(self) -> np.ndarray:
        return self.low

    def ladder(self) -> tuple[np.ndarray, np.ndarray, int]:
        return self.step, np.full_like(self.step, self.between), 40

    def climb(self, steps: np.ndarray) -> None:
        self.step[:] = steps

    def numbers(self, values: np.ndarray) -> torch.Tensor:
        step, low = (each.repeat(4, axis=1) for each in (self.step, self.low))
        return torch.from_numpy(step * values[self.codes] - low)


def steps_of(x: np.ndarray, weights: np.ndarray) -> Steps:
    groups = len(x), x.shape[1] // 4
    step = 0.25 + 0.1 * np.arange(groups[0] * groups[1], dtype=np.float32).reshape(groups) % 0.3
    return Steps(np.zeros(x.shape, np.uint8), step, np.full(groups, 0.1, np.float32))


def gram(n: int, seed: int) -> torch.Tensor:
    X = torch.randn(3 * n, n, generator=seeded(seed, "cpu"), dtype=torch.float64)
    X = X @ torch.randn(n, n, generator=seeded(seed + 1, "cpu"), dtype=torch.float64)
    return (X.mT @ X / len(X)).float()


def numbers(blocks: list[Steps], values: np.ndarray) -> torch.Tensor:
    return torch.cat([block.numbers(values) for block in blocks], dim=1).double()


def loss(E: torch.Tensor, C: torch.Tensor, G: torch.Tensor) -> float:
    return float(((G @ E @ C) * E).sum())


def damped(gram: torch.Tensor) -> torch.Tensor:
    gram = gram.double() / gram.double().diagonal().mean()
    return gram + 0.01 * torch.eye(len(gram), dtype=torch.float64)


@pytest.mark.parametrize("values", [EVEN, UNEVEN])
def test_each_code_is_the_best_of_all_while_others_stay(values):
    W, C, G = torch.randn(37, 16, generator=seeded(1, "cpu")), gram(16, 2), gram(37, 4)
    inputs, outputs = feedback(C), feedback(G)
    blocks = list(round_in_turn(W, inputs, outputs, 8, values, steps_of))
    want = np.concatenate([block.codes for block in blocks], axis=1)
    steps, lows = (np.concatenate(part, 1).repeat(4, 1) for part in zip(*((b.steps(), b.lows()) for b in blocks)))
    Cd, Gd, E = damped(C), damped(G), W.double() - numbers(blocks, values)
    for i in range(37):
        for j in range(16):
            pull = float(Gd[i] @ E @ Cd[:, j])
            changes = steps[i, j] * values.astype(np.float64) - lows[i, j] - float(W[i, j] - E[i, j])
            added = changes**2 * float(Gd[i, i] * Cd[j, j]) - 2 * changes * pull
            if added.min() < added[want[i, j]]:
                want[i, j] = added.argmin()
                E[i, j] -= changes[want[i, j]]
    descend(W, blocks, inputs, outputs, values, sweeps=1)
    found = np.concatenate([block.codes for block in blocks], axis=1)
    assert (found == want).mean() > 0.99  # but for ties within float32's rounding
    assert loss(W.double() - numbers(blocks, values), Cd, Gd) == pytest.approx(loss(E, Cd, Gd), rel=0.01)


def test_more_sweeps_lose_less_and_less_and_come_to_rest():
    W, C, G = torch.randn(96, 64, generator=seeded(7, "cpu")), gram(64, 8), gram(96, 10)
    inputs, outputs = feedback(C), feedback(G)
    blocks = list(round_in_turn(W, inputs, outputs, 16, EVEN, steps_of))
    losses = [loss(W.double() - numbers(blocks, EVEN), damped(C), damped(G))]
    for _ in range(40):
        descend(W, blocks, inputs, outputs, EVEN, sweeps=1)
        losses.append(loss(W.double() - numbers(blocks, EVEN), damped(C), damped(G)))
    assert losses == sorted(losses, reverse=True)
    assert losses[2] < 0.95 * losses[0]
    assert losses[-1] == losses[-2]


def test_rows_that_have_nothing_to_do_with_each_other_are_moved_each_by_itself():
    W, C = torch.randn(40, 16, generator=seeded(12, "cpu")), gram(16, 13)
    inputs = feedback(C)
    together, one = (
        [list(round_in_turn(part, inputs, feedback(torch.ones(len(part))), 8, EVEN, steps_of)) for part in parts]
        for parts in ([W], [row[None] for row in W])
    )
    step = together[0][0].step
    for i, blocks in enumerate(one):  # steps_of counts rows, and so each has those of its row
        for block in blocks:
            block.step[:] = step[i]
            block.codes[:] = 8
    for block in together[0]:
        block.codes[:] = 8
    before = loss(W.double() - numbers(together[0], EVEN), damped(C), torch.eye(40, dtype=torch.float64))
    descend(W, together[0], inputs, feedback(torch.ones(40)), EVEN)
    for row, blocks in zip(W, one):
        descend(row[None], blocks, inputs, feedback(torch.ones(1)), EVEN)
    alone = torch.cat([numbers(blocks, EVEN) for blocks in one])
    assert float((numbers(together[0], EVEN) == alone).double().mean()) > 0.99
    assert loss(W.double() - alone, damped(C), torch.eye(40, dtype=torch.float64)) < 0.2 * before


def test_groups_without_a_step_and_inputs_that_are_never_there_stay():
    W, C = torch.randn(5, 16, generator=seeded(20, "cpu")), gram(16, 21)
    inputs = feedback(C)
    inputs.weights[8:] = 0
    blocks = list(round_in_turn(W, inputs, feedback(torch.ones(5)), 8, EVEN, steps_of))
    blocks[0].step[:, 0] = 0
    blocks[0].codes[:, 4:] = 0
    before = [block.codes.copy() for block in blocks]
    descend(W, blocks, inputs, feedback(torch.ones(5)), EVEN)
    assert np.array_equal(blocks[0].codes[:, :4], before[0][:, :4])
    assert not np.array_equal(blocks[0].codes[:, 4:], before[0][:, 4:])
    assert np.array_equal(blocks[1].codes, before[1])
    assert numbers(blocks, EVEN).isfinite().all()


@pytest.mark.parametrize("values", [EVEN, UNEVEN])
def test_steps_move_to_the_best_that_there_are_and_codes_with_them(values):
    W, C, G = torch.randn(37, 16, generator=seeded(1, "cpu")), gram(16, 2), gram(37, 4)
    inputs, outputs = feedback(C), feedback(G)
    found = {}
    for between in (0.0, 0.01):
        blocks = list(round_in_turn(W, inputs, outputs, 8, values, steps_of))
        first = [block.step.copy() for block in blocks]
        for block in blocks:
            block.between = between
        descend(W, blocks, inputs, outputs, values, sweeps=12)
        found[between] = loss(W.double() - numbers(blocks, values), damped(C), damped(G))
        for block, step in zip(blocks, first):
            places = (block.step - step) / 0.01
            assert np.allclose(places, np.rint(places), atol=1e-3)
            assert (np.abs(places) <= 40.001).all()
            assert bool((places != 0).any()) == bool(between)
    assert found[0.01] < 0.9 * found[0.0]
