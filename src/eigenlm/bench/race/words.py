"""A race's figures as they are written for a reader."""

from collections.abc import Sequence

from eigenlm.bench.race.result import AgainstTarget, Entrant, RaceResult
from eigenlm.bench.race.statistics import OpenInterval
from eigenlm.estimate import Estimate

COLUMNS = (
    "optimizer",
    "rate",
    "final loss",
    "against {target}",
    "p",
    "steps to it",
    "fewer steps",
    "step cost",
    "less time",
)
SHORT = ("optimizer", "final loss", "fewer steps", "less time")


def table(result: RaceResult, names: Sequence[str] = COLUMNS) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The head of a table, and a line for each entrant.

    Args:
        result: the race.
        names: which of `COLUMNS`.
    """
    keep = [COLUMNS.index(name) for name in names]
    lines = [_line(result, entrant) for entrant in result.entrants]
    head = tuple(name.format(target=result.race.target) for name in names)
    return head, [tuple(line[i] for i in keep) for line in lines]


def _line(result: RaceResult, entrant: Entrant) -> tuple[str, ...]:
    against = entrant.against_target
    start = (entrant.optimizer, f"{entrant.learning_rate:.3g}", _with_half_width(entrant.nll, ".4f"))
    if against is None:
        return (*start, "", "", f"{result.race.steps:,}", "", "1", "")
    return (
        *start,
        _with_half_width(against.difference, "+.4f"),
        p_value(against.p_value),
        with_ends(against.steps, ",.0f"),
        with_ends(against.step_ratio, ".2f", "x"),
        with_ends(entrant.step_cost, ".2f", "x"),
        with_ends(against.time_ratio, ".2f", "x"),
    )


def with_ends(interval: Estimate | OpenInterval, style: str, unit: str = "") -> str:
    """A figure and its interval; an end that lies outside of what was measured is left open.

    >>> with_ends(Estimate(value=1.5, low=1.4, high=1.75), ".2f", "x")
    '1.50x (1.40 to 1.75)'
    >>> with_ends(OpenInterval(value=None, low=1.4, high=None), ".1f", "x")
    'more than 1.4x'
    >>> with_ends(OpenInterval(value=1.0, low=None, high=2.0), ".0f")
    '1 (at most 2)'
    """
    value, low, high = (None if x is None else f"{x:{style}}" for x in (interval.value, interval.low, interval.high))
    if value is None:
        if low is not None and high is not None:
            return f"{low}{unit} to {high}{unit}"
        if low is None and high is None:
            return "unknown"
        return f"less than {high}{unit}" if low is None else f"more than {low}{unit}"
    if low is None or high is None:
        open_end = f"at least {low}" if low is not None else f"at most {high}" if high is not None else "no interval"
        return f"{value}{unit} ({open_end})"
    return f"{value}{unit} ({low} to {high})"


def p_value(p: float) -> str:
    """Two digits, and no more zeros than say something.

    >>> p_value(0.0312), p_value(3e-7)
    ('0.031', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def headline(result: RaceResult) -> str:
    """What the race comes to, in a sentence or two: about the challenger of the lowest loss."""
    target = result.race.target
    leader = next((entrant for entrant in result.entrants if entrant.against_target is not None), None)
    if leader is None or leader.against_target is None:
        return verdict(result, result.target)
    apart = leader.against_target.difference
    if apart.high < 0:
        start = f"{leader.optimizer} ends lowest."
    elif apart.low > 0:
        start = f"{target} ends lowest; {leader.optimizer} comes nearest."
    else:
        start = f"{leader.optimizer} ends as low as {target}, as far as these runs can tell."
    told = _of_loss(leader.against_target, target, result.race.steps)
    return f"{start} {told} {_of_speed(leader.against_target, leader, target)}"


def verdict(result: RaceResult, entrant: Entrant) -> str:
    """What can be said of an entrant, in sentences."""
    against, target, steps = entrant.against_target, result.race.target, result.race.steps
    rate = f"Best at a learning rate of {entrant.learning_rate:.3g}"
    rate += "" if entrant.other_learning_rate is None else f" (AdamW's, on the rest: {entrant.other_learning_rate:.3g})"
    rate += ", the last one tried on its side: it may have a better one beyond." if entrant.at_edge else "."
    if entrant.num_diverged:
        rate += f" {entrant.num_diverged} of {result.race.seeds} seeds diverged there and count as a loss of ln V."
    if against is None:
        return f"The target: {with_ends(entrant.nll, '.4f')} nats a token after {steps:,} steps. {rate}"
    return f"{_of_loss(against, target, steps)} {_of_speed(against, entrant, target)} {rate}"


def _of_loss(against: AgainstTarget, target: str, steps: int) -> str:
    apart = against.difference
    if apart.low <= 0 <= apart.high:
        return f"After {steps:,} steps no difference from {target} can be told (p = {p_value(against.p_value)})."
    low, high = sorted((abs(apart.low), abs(apart.high)))
    word, p = "lower" if apart.value < 0 else "higher", p_value(against.p_value)
    size = f"{abs(apart.value):.3f} nats {word} than {target}'s ({low:.3f} to {high:.3f}"
    return f"After {steps:,} steps its loss is {size}, p {p if p.startswith('<') else '= ' + p})."


def _of_speed(against: AgainstTarget, entrant: Entrant, target: str) -> str:
    cost = with_ends(entrant.step_cost, ".2f")
    if against.steps.value is None and against.steps.high is None:
        return f"It was not seen to reach {target}'s final loss in as many steps; a step costs {cost} times as much."
    needed, fewer, faster = (
        with_ends(against.steps, ",.0f"),
        with_ends(against.step_ratio, ".2f"),
        with_ends(against.time_ratio, ".2f"),
    )
    beyond = " (even the shortest schedule that was tried reached it)" if against.steps.value is None else ""
    return (
        f"It reaches {target}'s final loss in {needed} steps{beyond}, {fewer} times fewer; a step costs {cost} times as"
        f" much, so that in time it is {faster} times as fast."
    )


def _with_half_width(interval: Estimate, style: str) -> str:
    return f"{interval.value:{style}} ± {(interval.high - interval.low) / 2:.4f}"
