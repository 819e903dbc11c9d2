"""Schedules beside torch's, and what they promise at their ends."""

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler

from eigenlm.errors import ConfigError
from eigenlm.training.recipe import ScheduleRecipe
from eigenlm.training.schedules import check, factor

KINDS = ["wsd", "cosine", "linear", "constant"]


def factors(steps: int, recipe: ScheduleRecipe) -> list[float]:
    return [factor(step, steps, recipe) for step in range(steps)]


def torch_factors(build: type[LRScheduler], steps: int, **options: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, found = build(optimizer, **options), []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return found


def test_cosine_and_linear_are_torch_s() -> None:
    cosine = factors(20, ScheduleRecipe(kind="cosine", warmup=0, final=0.1))
    assert cosine == pytest.approx(torch_factors(CosineAnnealingLR, 20, T_max=20, eta_min=0.1), abs=1e-12)
    linear = factors(20, ScheduleRecipe(kind="linear", warmup=0, final=0.1))
    theirs = torch_factors(LinearLR, 20, start_factor=1.0, end_factor=0.1, total_iters=20)
    assert linear == pytest.approx(theirs, abs=1e-12)


def test_warmup_and_decay_of_wsd_are_torch_s() -> None:
    ours = factors(20, ScheduleRecipe(kind="wsd", warmup=4, decay=0.25, final=0.2))
    up = torch_factors(LinearLR, 4, start_factor=1 / 5, end_factor=1.0, total_iters=4)
    down = torch_factors(LinearLR, 5, start_factor=1.0, end_factor=0.2, total_iters=5)
    assert ours == pytest.approx([*up, *[1.0] * 11, *down], abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (2, 1), (100, 20), (100, 0)])
def test_no_step_is_taken_at_rate_zero_and_the_peak_is_reached_once_warm(kind: str, steps: int, warmup: int) -> None:
    recipe = ScheduleRecipe(kind=kind, warmup=warmup)
    check(steps, recipe)
    found = factors(steps, recipe)
    assert all(0 < f <= 1 for f in found)
    assert found[warmup] == 1
    assert found[: warmup + 1] == sorted(found[: warmup + 1])
    assert found[warmup:] == sorted(found[warmup:], reverse=True)
    assert factor(steps, steps, recipe) == (1 if kind == "constant" else 0)


@pytest.mark.parametrize(
    ("steps", "recipe", "words"),
    [
        (20, ScheduleRecipe(warmup=20), "schedule.warmup"),
        (20, ScheduleRecipe(warmup=-1), "schedule.warmup"),
        (20, ScheduleRecipe(warmup=15, decay=0.5), "warm-up and decay"),
        (20, ScheduleRecipe(kind="cosine", warmup=2, final=1.5), "schedule.final"),
    ],
)
def test_what_does_not_fit_is_refused(steps: int, recipe: ScheduleRecipe, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check(steps, recipe)
