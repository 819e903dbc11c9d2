"""One path through every budget: within each, the best of its own cost among all choices, and never back up."""

import itertools
from collections.abc import Iterable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from eigenlm.linalg.allocation import choose
from eigenlm.linalg.lagrangian_path import least_budgets

Tables = dict[str, tuple[Tensor, Tensor]]


@st.composite
def problems(draw: st.DrawFn) -> Tables:
    """Up to four tables of up to five options, each dearer and no worse than the one before; the last loses nothing."""
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    # losses are nats: below 1e-9 they are rounding
    drop = st.one_of(st.just(0.0), st.floats(1e-9, 10))
    tables = {}
    for i, count in enumerate(counts):
        costs = [0, *draw(st.lists(st.integers(1, 9), min_size=count - 1, max_size=count - 1))]
        drops = draw(st.lists(drop, min_size=count - 1, max_size=count - 1))
        losses = torch.tensor([0.0, *drops], dtype=torch.float64).cumsum(0).flip(0)
        tables[str(i)] = torch.tensor(costs, dtype=torch.float64).cumsum(0), losses
    return tables


def taken(least: dict[str, Tensor], budget: float) -> dict[str, int]:
    return {name: int((budgets <= budget).sum()) - 1 for name, budgets in least.items()}


def total(points: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Cost and loss."""
    costs, losses = zip(*points)
    return sum(costs), sum(losses)


def points(tables: Tables) -> dict[str, list[tuple[float, float]]]:
    """(cost, loss) of each option."""
    return {name: list(zip(costs.tolist(), losses.tolist())) for name, (costs, losses) in tables.items()}


@settings(max_examples=200, deadline=None)
@given(problems(), st.floats(0, 1))
def test_within_a_budget_no_other_choice_of_its_cost_loses_less(tables: Tables, share: float) -> None:
    budget = share * sum(float(costs[-1]) for costs, _ in tables.values())
    options = points(tables)
    cost, loss = total(options[name][j] for name, j in taken(least_budgets(tables), budget).items())
    others = map(total, itertools.product(*options.values()))
    assert cost <= budget
    assert loss <= min(other for spent, other in others if spent <= cost) + 1e-9  # sums of numbers below 200


@settings(max_examples=200, deadline=None)
@given(problems())
def test_budgets_rise_from_nothing_to_everything(tables: Tables) -> None:
    least = least_budgets(tables)
    whole = sum(float(costs[-1]) for costs, _ in tables.values())
    assert all(bool((budgets.diff() >= 0).all()) and float(budgets[0]) == 0 for budgets in least.values())
    assert taken(least, whole) == {name: len(costs) - 1 for name, (costs, _) in tables.items()}


@settings(max_examples=100, deadline=None)
@given(problems())
def test_wherever_the_path_turns_a_search_for_that_budget_finds_no_better(tables: Tables) -> None:
    least = least_budgets(tables)
    for budget in {float(each) for budgets in least.values() for each in budgets}:
        cost, loss = total(points(tables)[name][j] for name, j in taken(least, budget).items())
        assert choose(tables, int(cost)).loss == pytest.approx(loss, abs=1e-9)  # sums of numbers below 200


def test_convex_tails_are_given_up_by_the_size_of_their_components() -> None:
    """Where every rank costs the same, ranks go in the order of their energies, whoever has them (Eckart and Young)."""
    energies = torch.tensor([7.0, 3.0, 2.0, 0.5]), torch.tensor([5.0, 4.0, 0.25])
    tables = {
        str(i): (torch.arange(len(each) + 1.0), torch.cat([each.flip(0).cumsum(0).flip(0), torch.zeros(1)]))
        for i, each in enumerate(energies)
    }
    least = least_budgets(tables)
    order = sorted(((float(e), i, r) for i, each in enumerate(energies) for r, e in enumerate(each)), reverse=True)
    for budget, (_, i, r) in enumerate(order, 1):
        assert float(least[str(i)][r + 1]) == budget
