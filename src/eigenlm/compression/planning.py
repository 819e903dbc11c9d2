"""From prices to a plan that reaches a goal."""

from collections.abc import Sequence

from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.allowed import check
from eigenlm.compression.actions import Decision
from eigenlm.compression.forecast import COSINE, NATS, LossForecast
from eigenlm.compression.goal import Asked, Goal
from eigenlm.compression.plan import Calibration, Plan, Point, Timing
from eigenlm.compression.prices import Costs, Prices, Taken, prices
from eigenlm.errors import ConfigError, explain
from eigenlm.observe.predictions import gives_vectors

_TOO_MUCH = 4.0  # times a loss to second order, within which the true one lies
_NEAR = 1.01
_DEAREST, _CHEAPEST = 1.0, 0.003  # nats per token to second order, between which a curve is drawn


def plan(
    module: nn.Module,
    windows: Int[Tensor, "B T"],
    *,
    keep: float | None = None,
    goal: Asked | None = None,
    model: str = "",
    text: str = "",
    seed: int = 0,
    methods: Sequence[str] = ("low_rank",),
) -> Plan:
    """Decide what happens to every matrix under one budget, and forecast what that costs.

    Each matrix has offers: to stay as it is, and what the methods make of it in the metric of its inputs and of its
    outputs' gradients. Offers are taken where they save most; the forecast is made on windows kept apart.

    Args:
        module: a transformer of ours, or any module with linear layers that gives logits for ids; of an
            encoder without a head what counts are the vectors that it gives.
        windows: (B, T) calibration text; a quarter of the rows, one at least, is kept for the forecast.
        keep: fraction of the linear layers' bytes to keep, in (0, 1]; biases and places of rows are not counted.
        goal: one goal instead, such as `{"size": "50MB"}`; without either, .9 is kept.
        model: what the module is, for the one who applies the plan.
        text: what the windows are, likewise.
        seed: of the random generator that draws gradients.
        methods: names of those that make offers, of `compression.methods.METHODS`.

    Raises:
        ConfigError: several goals, one that is out of reach for the offers there are, an unknown method, or a module
            that gives no logits.
        DataError: fewer than two windows, or activations that are not finite.
    """
    check(seed=seed)
    reached = Goal.of(keep, goal)
    found = prices(module, windows, methods=methods, whole=reached.whole, timed=reached.kind == "time", seed=seed)
    return planned(found, reached, model=model, text=text)


def planned(found: Prices, goal: Goal, *, model: str, text: str, others: int | None = None, sizes: int = 0) -> Plan:
    """The plan that reaches a goal.

    Args:
        found: what every matrix costs.
        goal: to be reached.
        model: what the module is.
        text: what it was measured on.
        others: bytes of the file beside the matrices; those of the model's other tensors by default.
        sizes: how many others are tried as well.

    Raises:
        ConfigError: the goal is out of reach.
    """
    others = (found.others if others is None else others) if goal.whole else 0
    costs = found.nanoseconds() if goal.kind == "time" else found.sizes
    if goal.kind in ("max_loss", "max_kl"):
        taken, told = _smallest(found, goal)
    else:
        taken = found.choose(_budget(found, goal, others, costs), costs)
        told = found.forecast(taken)
    decided = [Decision(**vars(found.found[name]), action=o.action, loss=o.loss) for name, o in taken.items()]
    chosen = _point(found, taken, told, others)
    parts = {name: offer.parts() for name, offer in taken.items()}
    return Plan(
        model=model,
        goal=goal,
        actions=tuple(decided),
        forecast=told.loss,
        calibration=Calibration(
            text=text,
            tokens=found.fitted_tokens,
            held_out_tokens=found.apart.numel(),
            seed=found.seed,
            directions=sum(found.reached.values()),
            of_directions=sum(found.found[name].columns for name in found.reached),
        ),
        unit=COSINE if gives_vectors(found.module) else NATS,
        chosen=chosen,
        timing=_timing(found, taken, costs) if goal.kind == "time" else None,
        others=_tried(found, others, sizes),
        factors={name: tensors for name, tensors in parts.items() if tensors},
    )


def _budget(found: Prices, goal: Goal, others: int, costs: Costs) -> int:
    """Bytes of the matrices, or nanoseconds of a token in them."""
    numbers, now = sum(each.rows * each.columns for each in found.found.values()), _as_it_is(costs)
    budgets = {"keep": goal.value * found.num_bytes + 1e-6, "bits": goal.value * numbers / 8, "time": goal.value * now}
    budget, least = int(budgets.get(goal.kind, goal.value - others)), sum(map(min, costs.values()))
    if budget < least:
        words = {
            "keep": f"{least / found.num_bytes:.4f}",
            "bits": f"{8 * least / numbers:.3f} bits",
            "time": f"{least / now:.3f}",
        }
        expected = f"{words.get(goal.kind, f'{least + others:,} bytes')} at least"
        do = "allow more, add methods, or give text that reaches every layer"
        got = f"{goal.value:,.10g}"
        raise ConfigError(explain(f"planning for the methods given, {goal.kind}", expected=expected, got=got, do=do))
    return budget


def _as_it_is(costs: Costs) -> int:
    """What the matrices cost now: to keep them is the last offer for each."""
    return sum(each[-1] for each in costs.values())


def _timing(found: Prices, taken: Taken, costs: Costs) -> Timing:
    after = sum(costs[name][found.offers[name].index(offer)] for name, offer in taken.items())
    return Timing(before=_as_it_is(costs) / 1e9, after=after / 1e9)


def _smallest(found: Prices, goal: Goal) -> tuple[Taken, LossForecast]:
    """The smallest choice that was seen to cost no more than the goal says, to a part in a hundred."""
    figure = "loss" if goal.kind == "max_loss" else "divergence"

    def tried(budget: int) -> tuple[bool, tuple[Taken, LossForecast]]:
        taken = found.choose(budget)
        told = found.forecast(taken)
        return getattr(told, figure).value <= goal.value, (taken, told)

    low, high = _bytes_at(found, goal.value * _TOO_MUCH), _bytes_at(found, goal.value / _TOO_MUCH)
    within, best = tried(high)
    if not within:
        high = found.num_bytes
        _, best = tried(high)
    while (middle := _between(low, high)) is not None:
        within, other = tried(middle)
        low, high, best = (low, middle, other) if within else (middle, high, best)
    return best


def _bytes_at(found: Prices, loss: float) -> int:
    """The least bytes for which no more is lost to second order, to a part in a hundred."""
    low, high = found.least, found.num_bytes
    while (middle := _between(low, high)) is not None:
        dearer = sum(offer.loss for offer in found.choose(middle).values()) > loss
        low, high = (middle, high) if dearer else (low, middle)
    return high


def _between(low: int, high: int) -> int | None:
    """The geometric mean of two sizes that are further apart than a part in a hundred."""
    return None if high <= max(low + 1, _NEAR * low) else round((max(low, 1) * high) ** 0.5)


def _tried(found: Prices, others: int, sizes: int) -> tuple[Point, ...]:
    """Sizes from one at which much is lost to one at which next to nothing is, and what they cost."""
    steps = [i / max(1, sizes - 1) for i in range(sizes)]
    losses = [_DEAREST * (_CHEAPEST / _DEAREST) ** step for step in steps]
    choices = [found.choose(budget) for budget in sorted({_bytes_at(found, loss) for loss in losses})]
    return tuple(_point(found, taken, found.forecast(taken), others) for taken in choices)


def _point(found: Prices, taken: Taken, told: LossForecast, others: int) -> Point:
    second_order = sum(offer.loss for offer in taken.values())
    num_bytes = sum(map(found.bytes, taken.values())) + others
    return Point(num_bytes=num_bytes, second_order=second_order, loss=told.loss, divergence=told.divergence)
