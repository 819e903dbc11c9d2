"""The order of a race: a sweep of learning rates, seeds at the best, then shorter schedules for those who might win."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eigenlm.bench.race.plan import SWEEP_SEED, Race, Run
from eigenlm.bench.race.rates import beyond_the_edge, grid
from eigenlm.bench.race.runs import RunResult
from eigenlm.bench.race.statistics import difference
from eigenlm.errors import ConfigError, explain
from eigenlm.training.optimizers import OPTIMIZERS

Execute = Callable[[Run], RunResult]
Results = dict[str, list[RunResult]]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Every run of a race, by optimizer.

    Attributes:
        sweep: one run a learning rate, in the order they were tried.
        full: the seeds at the best rate, full length, in order.
        shorter: the same for each shorter length that was tried.
    """

    sweep: Results
    full: Results
    shorter: dict[str, dict[int, list[RunResult]]]

    def best(self, kind: str) -> RunResult:
        """The run of the sweep with the lowest loss."""
        return min(self.sweep[kind], key=lambda result: result.nll)

    def runs(self) -> list[RunResult]:
        """All of them."""
        shorter = (results for by_length in self.shorter.values() for results in by_length.values())
        return [result for results in (*self.sweep.values(), *self.full.values(), *shorter) for result in results]


def run_stages(race: Race, execute: Execute) -> Finished:
    """Make every run of a race; optimizers take turns, so that a machine that slows down slows all of them.

    AdamW, if it takes part, is swept first. The rate it likes best is what the matrix optimizers then give AdamW for
    the parameters they leave to it, so that one rate is swept for each entrant.

    Raises:
        ConfigError: an optimizer diverged at every learning rate tried.
    """
    first: list[str] = [kind for kind in race.optimizers if kind == "adamw"]
    adamw = OPTIMIZERS["adamw"].learning_rate
    sweep = _sweep(race, first, adamw, execute)
    other = min(sweep["adamw"], key=lambda result: result.nll).run.learning_rate if first else adamw
    sweep |= _sweep(race, [kind for kind in race.optimizers if kind not in first], other, execute)
    finished = Finished(sweep=sweep, full={kind: [] for kind in race.optimizers}, shorter={})
    for kind in race.optimizers:
        if finished.best(kind).diverged:
            do = "lower optimizer.clip, lengthen schedule.warmup, or leave it out"
            raise ConfigError(explain(f"race, {kind}", expected="a learning rate that works", got="none", do=do))
    for seed in _seeds(race):
        for kind in race.optimizers:
            finished.full[kind].append(execute(_at_best(finished, kind, race.steps, seed)))
    _shorten(race, finished, execute)
    return finished


def planned_steps(race: Race) -> int:
    """Optimizer steps of all runs, if no sweep grows and no challenger drops out."""
    entrants, challengers = len(race.optimizers), len(race.challengers)
    return (race.points + race.seeds) * entrants * race.steps + race.seeds * challengers * sum(race.lengths)


def _sweep(race: Race, kinds: list[str], other: float, execute: Execute) -> Results:
    found: Results = {kind: [] for kind in kinds}
    for i in range(race.points + race.points // 2):
        for kind in kinds:
            tried = found[kind]
            rates, losses = [result.run.learning_rate for result in tried], [result.nll for result in tried]
            rate = (
                grid(OPTIMIZERS[kind].learning_rate, race.points)[i]
                if i < race.points
                else beyond_the_edge(rates, losses)
            )
            if rate is not None:
                run = Run(
                    optimizer=kind,
                    learning_rate=rate,
                    other_learning_rate=other,
                    steps=race.steps,
                    seed=SWEEP_SEED,
                )
                tried.append(execute(run))
    return found


def _shorten(race: Race, finished: Finished, execute: Execute) -> None:
    """From the longest on; who has clearly missed the target at one length is not asked at a shorter one."""
    target = [result.nll for result in finished.full[race.target]]
    still = {kind: finished.full[kind] for kind in race.challengers}
    for steps in race.lengths:
        still = {kind: results for kind, results in still.items() if _may_reach(results, target)}
        made: Results = {kind: [] for kind in still}
        for seed in _seeds(race):
            for kind in still:
                made[kind].append(execute(_at_best(finished, kind, steps, seed)))
        for kind, results in made.items():
            finished.shorter.setdefault(kind, {})[steps] = still[kind] = results


def _may_reach(results: list[RunResult], target: list[float]) -> bool:
    apart, _ = difference([result.nll for result in results], target)
    return apart.low <= 0


def _at_best(finished: Finished, kind: str, steps: int, seed: int) -> Run:
    best = finished.best(kind).run
    return Run(
        optimizer=kind,
        learning_rate=best.learning_rate,
        other_learning_rate=best.other_learning_rate,
        steps=steps,
        seed=seed,
    )


def _seeds(race: Race) -> Iterator[int]:
    return iter(range(SWEEP_SEED + 1, SWEEP_SEED + 1 + race.seeds))
