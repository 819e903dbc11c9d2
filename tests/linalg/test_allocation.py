import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from eigenlm.errors import ConfigError
from eigenlm.linalg.allocation import Allocation, Cost, allocate, interpolative_cost, product_cost
from eigenlm.linear import InterpolativeLinear, LowRankLinear

Problem = tuple[dict[str, Tensor], dict[str, tuple[int, int]], Cost]


def falling(drops: list[float]) -> Tensor:
    """A tail that ends at 0."""
    return torch.tensor([*drops, 0.0], dtype=torch.float64).flip(0).cumsum(0).flip(0)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to four small matrices with random falling tails, in either way of storing a low rank."""
    shapes = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=4))
    # losses of matrices are nats: below 1e-9 they are rounding
    drop = st.one_of(st.just(0.0), st.floats(1e-9, 10))
    tails = {str(i): falling(draw(st.lists(drop, min_size=min(s), max_size=min(s)))) for i, s in enumerate(shapes)}
    return tails, dict(zip(tails, shapes)), draw(st.sampled_from([product_cost, interpolative_cost]))


def options(problem: Problem) -> dict[str, list[tuple[int, float]]]:
    """(cost, loss) of rank 0, 1, ... of each matrix and, last, of leaving it dense."""
    tails, shapes, cost = problem
    return {
        name: [*((int(cost(torch.tensor(R), *shapes[name])), float(x)) for R, x in enumerate(tail)), (m * n, 0.0)]
        for (name, tail), (m, n) in zip(tails.items(), shapes.values())
    }


def total(problem: Problem, found: Allocation) -> tuple[int, float]:
    chosen = [of[-1 if found.ranks[name] is None else found.ranks[name]] for name, of in options(problem).items()]
    return sum(cost for cost, _ in chosen), sum(loss for _, loss in chosen)


@settings(max_examples=200, deadline=None)
@given(problems(), st.floats(0.05, 1.0))
def test_against_every_choice_there_is(problem: Problem, keep: float) -> None:
    found = allocate(problem[0], problem[1], keep, problem[2])
    cost, loss = total(problem, found)
    assert cost == found.cost <= found.budget
    assert found.budget == int(keep * sum(m * n for m, n in problem[1].values()) + 1e-6)
    assert loss == pytest.approx(found.loss, abs=1e-9)  # sums of numbers below 200 in another order
    every = [
        (sum(cost for cost, _ in p), sum(loss for _, loss in p)) for p in itertools.product(*options(problem).values())
    ]
    best = min(loss for cost, loss in every if cost <= found.budget)
    # Ranks come in steps, so a price may leave part of a budget; what that may cost is at most one matrix's whole loss.
    assert best - 1e-9 <= loss <= best + max(float(tail[0]) for tail in problem[0].values()) + 1e-9


@settings(max_examples=200, deadline=None)
@given(problems(), st.floats(0.01, 100))
def test_where_a_price_ends_nothing_better_exists(problem: Problem, price: float) -> None:
    """The choice of least loss + price * cost is the best of its own cost (Everett 1963), and must be found there."""
    chosen = [min(of, key=lambda point: (point[1] + price * point[0], point[0])) for of in options(problem).values()]
    cost, loss = sum(cost for cost, _ in chosen), sum(loss for _, loss in chosen)
    keep = (cost + 0.5) / sum(m * n for m, n in problem[1].values())
    if keep <= 1:
        assert allocate(problem[0], problem[1], keep, problem[2]).loss <= loss + 1e-9  # rounding of sums below 200


@settings(max_examples=100, deadline=None)
@given(problems(), st.floats(0.05, 1.0))
def test_no_single_change_that_fits_would_save_more(problem: Problem, keep: float) -> None:
    found = allocate(problem[0], problem[1], keep, problem[2])
    for name, of in options(problem).items():
        cost, loss = of[-1 if found.ranks[name] is None else found.ranks[name]]
        affordable = [other for extra, other in of if extra - cost <= found.budget - found.cost]
        assert loss <= min(affordable)


@pytest.mark.parametrize("cost", [product_cost, interpolative_cost])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_as_good_as_a_linear_program_rounded_down(cost: Cost, keep: float) -> None:
    """Twelve matrices with spectra of random decay, against the solver HiGHS on mixtures of options.

    At most one matrix is mixed in the optimum (one budget, one constraint). With that one at its cheaper option the
    budget holds, and a price finds this choice or one that costs less and loses no more.
    """
    generator = torch.Generator().manual_seed(0)
    shapes = {str(i): (int(m), int(n)) for i, (m, n) in enumerate(torch.randint(8, 32, (12, 2), generator=generator))}
    decays = torch.rand(12, generator=generator, dtype=torch.float64) * 3
    tails = {
        name: falling((torch.arange(1, min(m, n) + 1, dtype=torch.float64) ** -decay).tolist())
        for (name, (m, n)), decay in zip(shapes.items(), decays)
    }
    found = allocate(tails, shapes, keep, cost)
    offers = list(options((tails, shapes, cost)).values())
    costs, losses = np.array([option for of in offers for option in of]).T
    one_each = scipy.linalg.block_diag(*[np.ones(len(of)) for of in offers])
    mixed = scipy.optimize.linprog(losses, costs[None], [found.budget], one_each, np.ones(len(offers)))
    used = np.split(mixed.x > 1e-9, np.cumsum([len(of) for of in offers])[:-1])
    rounded = sum(max(loss for (_, loss), u in zip(of, taken) if u) for of, taken in zip(offers, used))
    # sums of losses of about 10, and HiGHS meets its constraints to 1e-7
    assert mixed.fun - 1e-6 <= found.loss <= rounded + 1e-9


def test_dense_is_one_of_the_offers() -> None:
    """A flat spectrum gains nothing from two thin factors; a steep one pays for it."""
    flat, steep = torch.linspace(1, 0, 9, dtype=torch.float64), falling([1.0, 1e-3, *[0.0] * 6])
    found = allocate({"flat": flat, "steep": steep}, {"flat": (8, 8), "steep": (8, 8)}, 0.7, product_cost)
    assert found.ranks == {"flat": None, "steep": 1}


def test_rank_goes_where_the_loss_is() -> None:
    heavy, light = falling([8.0, 4.0, 2.0, 1.0]), falling([8e-3, 4e-3, 2e-3, 1e-3])
    found = allocate({"heavy": heavy, "light": light}, {"heavy": (4, 4), "light": (4, 4)}, 0.6)
    kept = {name: 4 if rank is None else rank for name, rank in found.ranks.items()}
    assert kept["heavy"] > kept["light"]


def test_to_keep_everything_is_to_leave_it_dense() -> None:
    tails = {"a": falling([1.0, 1.0, 1.0]), "b": falling([0.5, 0.1])}
    found = allocate(tails, {"a": (3, 3), "b": (2, 5)}, 1.0)
    assert found.ranks == {"a": None, "b": None}
    assert (found.loss, found.cost) == (0.0, 19)


@pytest.mark.parametrize(("m", "n"), [(5, 3), (3, 5), (4, 4)])
def test_costs_are_what_the_layers_hold(m: int, n: int) -> None:
    for rank in range(1, min(m, n) + 1):
        B, A = torch.randn(m, rank), torch.randn(rank, n)
        assert product_cost(torch.tensor(rank), m, n) == LowRankLinear.from_factors(B, A).num_params
        assert interpolative_cost(torch.tensor(rank), m, n) == InterpolativeLinear.from_factors(B, A).num_params


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.01, float("nan")])
def test_keep_is_a_fraction(keep: float) -> None:
    with pytest.raises(ConfigError, match="keep"):
        allocate({"a": falling([1.0])}, {"a": (1, 1)}, keep)
