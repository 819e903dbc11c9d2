"""A simulated race, whose right answers follow from its formula."""

from dataclasses import replace

import pytest

from eigenlm.bench.race.plan import SWEEP_SEED
from eigenlm.bench.race.stages import planned_steps, run_stages
from eigenlm.errors import ConfigError
from tests.bench.race.simulated import BEST, COST, GAIN, OFFSETS, STEPS, plan, result, simulate


def entrants(race):
    return {entrant.optimizer: entrant for entrant in result(race).entrants}


def test_the_best_rate_is_found_also_beyond_the_grid():
    found = entrants(plan())
    assert {kind: entrant.learning_rate for kind, entrant in found.items()} == {
        kind: pytest.approx(rate) for kind, rate in BEST.items() if kind in found
    }
    # sgd's best is three octaves above its centre: the grid of five had to grow, by two at most.
    assert [len(found[kind].sweep) for kind in ("adamw", "muon", "sgd")] == [5, 5, 7]
    assert not any(found[kind].at_edge for kind in ("adamw", "muon", "soap"))


def test_matrix_optimizers_leave_adamw_its_best_rate():
    found = entrants(plan())
    assert found["muon"].other_learning_rate == pytest.approx(BEST["adamw"])
    assert found["sgd"].other_learning_rate is None


def test_the_run_that_was_chosen_is_not_counted():
    finished = run_stages(plan(), simulate)
    seeds = {run.run.seed for runs in finished.full.values() for run in runs}
    assert SWEEP_SEED not in seeds
    assert len(seeds) == 3


def test_steps_and_time_to_the_target_are_those_of_the_formula():
    found = entrants(plan(fractions=(0.9, 0.8, 0.7, 0.6)))
    for kind in ("muon", "soap"):
        against, factor = found[kind].against_target, 2 ** (-OFFSETS[kind] / GAIN)
        assert against.step_ratio.low < factor < against.step_ratio.high
        assert against.step_ratio.value == pytest.approx(factor, rel=0.01)  # noise of 0.002 nats is 0.3 % of the steps
        cost = COST[kind] / COST["adamw"]
        assert found[kind].step_cost.value == pytest.approx(cost, rel=0.01)  # noise of the costs is 1 %
        assert against.time_ratio.value == pytest.approx(factor / cost, rel=0.02)  # both
    assert found["muon"].against_target.p_value < 0.01
    assert found["sgd"].against_target.steps.value is None
    assert found["sgd"].against_target.steps.low == STEPS


def test_who_has_missed_the_target_is_not_asked_at_shorter_lengths():
    finished = run_stages(plan(), simulate)
    assert "sgd" not in finished.shorter
    assert list(finished.shorter["soap"]) == [750]
    assert list(finished.shorter["muon"]) == [750, 667]
    assert list(run_stages(plan("adamw", "adam"), simulate).shorter["adam"]) == [750, 667, 500]


def test_the_plan_counts_every_step():
    race = plan("adamw", "adam")
    assert planned_steps(race) == sum(run.run.steps for run in run_stages(race, simulate).runs())


def test_optimizers_take_turns():
    order = []
    run_stages(plan(), lambda run: order.append(run) or simulate(run))
    seeds = [run for run in order if run.seed == 1 and run.steps == STEPS]
    first = order.index(seeds[0])
    assert order[first : first + 4] == seeds


def test_an_optimizer_that_always_diverges_is_told():
    with pytest.raises(ConfigError, match="race, sgd: expected a learning rate that works"):
        run_stages(plan("adamw", "sgd"), simulate_diverging)


def simulate_diverging(run):
    return replace(simulate(run), diverged=run.optimizer == "sgd", nll=9.0 if run.optimizer == "sgd" else 4.0)
