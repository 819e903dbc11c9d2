"""What a race says: for each entrant its loss, its steps and its time to the target, with intervals, and in words."""

import statistics
from dataclasses import dataclass, replace

from eigenlm.bench.race.plan import Race
from eigenlm.bench.race.runs import RunResult
from eigenlm.bench.race.stages import Finished
from eigenlm.bench.race.statistics import (
    OpenInterval,
    difference,
    holm,
    mean_interval,
    quotient,
    ratio_of_pairs,
    reciprocal,
    steps_to_zero,
)
from eigenlm.estimate import Estimate
from eigenlm.training.optimizers import OPTIMIZERS


@dataclass(frozen=True, kw_only=True)
class Length:
    """A challenger at the end of schedules of one length.

    Attributes:
        steps: of the schedule.
        nll: mean over the seeds, nats a token.
        difference: to the target's loss at full length; below 0 is better.
    """

    steps: int
    nll: Estimate
    difference: Estimate


@dataclass(frozen=True, kw_only=True)
class AgainstTarget:
    """A challenger against the target.

    Attributes:
        difference: of the final losses at full length, challenger less target, nats a token; Welch's interval.
        p_value: of no difference, two-sided, by Holm's rule for all challengers together.
        lengths: what it reached at which length, the longest first.
        steps: that it needs to the target's final loss, read between schedules of several lengths.
        step_ratio: the target's steps / these: above 1 is faster.
        time_ratio: the same in seconds: step_ratio / step_cost.
    """

    difference: Estimate
    p_value: float
    lengths: tuple[Length, ...]
    steps: OpenInterval
    step_ratio: OpenInterval
    time_ratio: OpenInterval


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """One optimizer in a race.

    Attributes:
        optimizer: which.
        learning_rate: the best of its sweep.
        other_learning_rate: AdamW's on what a matrix optimizer leaves; None for the others.
        at_edge: whether no rate beyond the best was tried on one side.
        num_diverged: of the seeds at its best rate.
        nll: final validation loss at full length, mean over the seeds, nats a token.
        step_seconds: median over these runs.
        step_cost: seconds of its step / of the target's, runs of one seed paired.
        against_target: None for the target itself.
        sweep: the runs of its sweep, by learning rate.
        runs: those at the best rate and full length, by seed.
    """

    optimizer: str
    learning_rate: float
    other_learning_rate: float | None
    at_edge: bool
    num_diverged: int
    nll: Estimate
    step_seconds: float
    step_cost: Estimate
    against_target: AgainstTarget | None
    sweep: tuple[RunResult, ...]
    runs: tuple[RunResult, ...]


@dataclass(frozen=True, kw_only=True)
class RaceResult:
    """A whole race.

    Attributes:
        race: what was asked.
        facts: a few words about model, text and machine, label to value.
        entrants: the lowest final loss first.
        num_runs: trained for it.
        seconds: of all their steps.
    """

    race: Race
    facts: dict[str, str]
    entrants: tuple[Entrant, ...]
    num_runs: int
    seconds: float

    @property
    def target(self) -> Entrant:
        """Whose loss the others have to reach."""
        return next(entrant for entrant in self.entrants if entrant.optimizer == self.race.target)


def result_of(race: Race, finished: Finished, facts: dict[str, str]) -> RaceResult:
    """All figures of a race, from its runs."""
    compared = {kind: _against_target(race, finished, kind) for kind in race.challengers}
    p_values = holm([against.p_value for against in compared.values()])
    compared = {kind: replace(against, p_value=p) for (kind, against), p in zip(compared.items(), p_values)}
    entrants = [_entrant(race, finished, kind, compared.get(kind)) for kind in race.optimizers]
    runs = finished.runs()
    return RaceResult(
        race=race,
        facts=facts,
        entrants=tuple(sorted(entrants, key=lambda entrant: statistics.fmean(run.nll for run in entrant.runs))),
        num_runs=len(runs),
        seconds=sum(run.seconds for run in runs),
    )


def _entrant(race: Race, finished: Finished, kind: str, against: AgainstTarget | None) -> Entrant:
    sweep = sorted(finished.sweep[kind], key=lambda result: result.run.learning_rate)
    runs, best = finished.full[kind], finished.best(kind)
    return Entrant(
        optimizer=kind,
        learning_rate=best.run.learning_rate,
        other_learning_rate=best.run.other_learning_rate if OPTIMIZERS[kind].matrices_only else None,
        at_edge=best in (sweep[0], sweep[-1]),
        num_diverged=sum(run.diverged for run in runs),
        nll=mean_interval(_losses(runs)),
        step_seconds=statistics.median(run.step_seconds for run in runs),
        step_cost=_step_cost(race, finished, kind),
        against_target=against,
        sweep=tuple(sweep),
        runs=tuple(runs),
    )


def _against_target(race: Race, finished: Finished, kind: str) -> AgainstTarget:
    target = _losses(finished.full[race.target])
    by_length = {race.steps: finished.full[kind], **finished.shorter.get(kind, {})}
    lengths = tuple(
        Length(steps=steps, nll=mean_interval(_losses(runs)), difference=difference(_losses(runs), target)[0])
        for steps, runs in by_length.items()
    )
    apart, p_value = difference(_losses(finished.full[kind]), target)
    steps = steps_to_zero([length.steps for length in lengths], [length.difference for length in lengths])
    step_ratio = reciprocal(steps, race.steps)
    return AgainstTarget(
        difference=apart,
        p_value=p_value,
        lengths=lengths,
        steps=steps,
        step_ratio=step_ratio,
        time_ratio=quotient(step_ratio, _step_cost(race, finished, kind)),
    )


def _step_cost(race: Race, finished: Finished, kind: str) -> Estimate:
    own, target = finished.full[kind], finished.full[race.target]
    return ratio_of_pairs([run.step_seconds for run in own], [run.step_seconds for run in target])


def _losses(runs: list[RunResult]) -> list[float]:
    return [run.nll for run in runs]
