"""Rounding with feedback, against the Gram it stands for and against its textbook form with an inverse."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.linalg.error_feedback import Feedback, feedback, round_in_turn
from eigenlm.linalg.seeded import seeded

VALUES = np.arange(-8, 8, dtype=np.float32)


@dataclass
class Steps:
    """One step for each row of a block."""

    codes: np.ndarray
    step: np.ndarray

    def steps(self) -> np.ndarray:
        return self.step

    def lows(self) -> np.ndarray:
        return np.zeros_like(self.step)

    def numbers(self) -> torch.Tensor:
        return torch.from_numpy(self.step * VALUES[self.codes])


def steps_of(x: np.ndarray, weights: np.ndarray) -> Steps:
    return Steps(np.zeros(x.shape, np.uint8), np.full((len(x), 1), 0.25, np.float32))


def gram(n: int, samples: int, seed: int = 0) -> torch.Tensor:
    X = torch.randn(samples, n, generator=seeded(seed, "cpu"), dtype=torch.float64)
    X = X @ torch.randn(n, n, generator=seeded(seed + 1, "cpu"), dtype=torch.float64)
    return (X.mT @ X / samples).float()


def apart(rows: int) -> Feedback:
    """Of rows that make up for nothing."""
    return feedback(torch.ones(rows))


def test_the_factors_are_those_of_the_damped_gram():
    C = gram(24, 100)
    found = feedback(C, damping=0.01)
    R, d = found.passed_on.double(), found.weights.double()
    damped = C.double() / C.double().diagonal().mean() + 0.01 * torch.eye(24, dtype=torch.float64)
    assert torch.equal(R.triu(), R)
    assert torch.equal(R.diagonal(), torch.ones(24, dtype=torch.float64))
    assert torch.allclose(R * d @ R.mT, damped, rtol=1e-5, atol=1e-5 * float(damped.amax()))


@pytest.mark.parametrize("size", [4, 8, 24])
def test_it_is_gptq_whatever_the_blocks(size):
    """GPTQ takes each column's error off the later ones by the inverse of the Gram (arXiv:2210.17323, equation 2)."""
    C, W = gram(24, 100), torch.randn(6, 24, generator=seeded(2, "cpu"))
    given = feedback(C, damping=0.01)
    ours = torch.cat([grid.numbers() for grid in round_in_turn(W, given, apart(6), size, VALUES, steps_of)], dim=1)
    H = C.double() + 0.01 * C.double().diagonal().mean() * torch.eye(24, dtype=torch.float64)
    U, left = torch.linalg.cholesky(torch.linalg.inv(H), upper=True), W.double()
    for j in range(24):
        rounded = 0.25 * (left[:, j] / 0.25).round().clamp(-8, 7)
        left = left - (left[:, j] - rounded)[:, None] * (U[j] / U[j, j]).where(torch.arange(24) >= j, 0)
    assert torch.allclose(ours.double(), left, atol=1e-5)


def test_the_loss_is_that_of_each_columns_own_rounding():
    """Errors even in +-step / 2 leave step^2 / 12 sum_k d_k for each row; without feedback it is the sum of C_kk."""
    C, W = gram(64, 200), 0.5 * torch.randn(400, 64, generator=seeded(3, "cpu"))
    given = feedback(C, damping=1e-4)
    ours = torch.cat([grid.numbers() for grid in round_in_turn(W, given, apart(400), 16, VALUES, steps_of)], dim=1)
    error = (W - ours).double()
    loss = float(((error @ C.double()) * error).sum())
    assert loss == pytest.approx(400 * 0.25**2 / 12 * float(given.weights.mean() * C.diagonal().sum()), rel=0.05)
    assert float(given.weights.mean()) < 0.6


@pytest.mark.parametrize("size", [4, 8, 24])
def test_each_number_makes_up_for_the_errors_left_of_it_and_above_it(size):
    """The naive twin: in float64, a number is rounded from itself and what S^T E R has in its place so far."""
    W = torch.randn(70, 24, generator=seeded(6, "cpu"))
    inputs, outputs = feedback(gram(24, 100)), feedback(gram(70, 300))
    ours = torch.cat([grid.numbers() for grid in round_in_turn(W, inputs, outputs, size, VALUES, steps_of)], dim=1)
    R, S, E = inputs.passed_on.double(), outputs.passed_on.double(), torch.zeros(70, 24, dtype=torch.float64)
    for j in range(24):
        for i in range(70):
            left = S[: i + 1, i] @ E[: i + 1, : j + 1] @ R[: j + 1, j]
            rounded = 0.25 * ((float(W[i, j]) + left) / 0.25).round().clamp(-8, 7)
            E[i, j] = float(W[i, j]) - rounded
    assert float((ours.double() == W.double() - E).double().mean()) > 0.999  # but for ties within float32's rounding


def test_rows_that_make_up_for_rows_lose_less_where_both_grams_count():
    C, G, W = gram(64, 200), gram(96, 300), 0.5 * torch.randn(96, 64, generator=seeded(7, "cpu"))
    inputs, outputs = feedback(C, damping=1e-4), feedback(G, damping=1e-4)

    def loss(given: Feedback) -> float:
        blocks = [grid.numbers() for grid in round_in_turn(W, inputs, given, 16, VALUES, steps_of)]
        E = (W - torch.cat(blocks, dim=1)).double()
        return float(((G.double() @ E @ C.double()) * E).sum())

    least = 0.25**2 / 12 * float(inputs.weights.sum() * C.diagonal().mean())
    assert loss(outputs) == pytest.approx(least * float(outputs.weights.sum() * G.diagonal().mean()), rel=0.05)
    assert loss(outputs) < 0.6 * loss(apart(96))


def odd_grams():
    draw = seeded(4, "cpu")
    for case in range(300):
        n = int(torch.randint(1, 40, (), generator=draw))
        X = torch.randn(int(torch.randint(0, 50, (), generator=draw)), n, generator=draw)
        match case % 5:
            case 1:
                X[:, ::3] = 0
            case 2:
                X *= torch.logspace(-12, 6, n)
            case 3:
                X = X.bfloat16().float()
            case 4:
                X = X[:1].expand(len(X), n)
        yield X.mT @ X


def test_no_gram_is_too_odd():
    """Singular ones, of fewer tokens than inputs, with dead inputs, of condition 1e18, of none: finite and no error."""
    for C in odd_grams():
        found = feedback(C)
        assert found.weights.isfinite().all()
        assert found.passed_on.isfinite().all()
        assert (found.weights > 0).all()
        W = torch.randn(3, len(C), generator=seeded(5, "cpu"))
        blocks = [grid.numbers() for grid in round_in_turn(W, found, apart(3), len(C), VALUES, steps_of)]
        assert blocks[0].isfinite().all()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_gram_that_is_not_finite_is_one_line(number):
    with pytest.raises(DataError, match="error feedback: expected a finite Gram"):
        feedback(torch.full((3, 3), number))
