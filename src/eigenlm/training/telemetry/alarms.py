"""When a number says that training is going wrong: which, since when, and what to do."""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eigenlm.errors import CheckpointError, explain
from eigenlm.training.recipe import TelemetryRecipe
from eigenlm.training.telemetry.reading import MatrixReading, Reading, SharpnessReading

AlarmKind = Literal[
    "not finite", "loss spike", "rank collapse", "spectral explosion", "dead update", "large update", "sharpness"
]

# A spike: so many robust standard deviations, and at least this part, above the median of the last losses, so often in
# a row. One odd batch is no spike, and neither is a wobble of a loss that hardly varies. Deviations are from the median
# of their own block of steps, so that a loss that falls fast is not taken for one that varies much.
_WINDOW, _BLOCK, _DEVIATIONS, _LEAST_RISE, SPIKE_STEPS = 64, 16, 6.0, 0.1, 3
_NORMAL_MAD = 1.4826  # standard deviation of a normal variable over its median absolute deviation
# Rank that is left above one, over the most there was. MSign (arXiv:2602.01734) sees blow-ups follow a collapse of the
# stable rank to one. The effective rank, which one large singular value hardly moves, stays above 0.7 in healthy runs.
_COLLAPSED = {"stable rank": 0.005, "effective rank": 0.1}
# Vectors of a vocabulary come to share one large direction, and are well: their stable rank says nothing.
_TABLES = ("embedding", "head")
# Growth of sigma_1 over the median of its last readings; weights that are young may grow as fast as they like.
_EXPLODED, _NORMS = 4.0, 8
# ||dW|| / ||W|| of a step: about 1e-3 is the rule of thumb (CS231n, "Ratio of weights:updates"); Adam on fresh weights
# of standard deviation 0.02 makes 5e-2 at a learning rate of 1e-3, and soon less.
_LARGE_UPDATE, _DEAD_UPDATE, _DEAD_BESIDE_OTHERS = 0.1, 1e-9, 1e-3
_GO_BACK = "go back to the last good snapshot and pass over the batch; if it returns, halve the learning rate"
_READINGS = 3  # in a row, before an update ratio counts


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One thing that is going wrong.

    Attributes:
        step: when it was noticed.
        kind: what.
        matrix: where; None for the whole model.
        message: one line: what, the number, since when.
        advice: one line: what to do.
        severe: whether the weights are spoilt, so that only going back helps.
    """

    step: int
    kind: AlarmKind
    matrix: str | None
    message: str
    advice: str
    severe: bool


class Alarms:
    """Listens to a run's numbers; the same numbers give the same alarms, on every rank and after every resume.

    A condition is told once, when it has lasted long enough, and again only after it has ended; numbers that are not
    finite are told every time.
    """

    def __init__(self, recipe: TelemetryRecipe) -> None:
        """Listen to a run; with `recipe.every` at 0 there are no readings, and the loss alone speaks."""
        self._recipe = recipe
        self._losses: list[float] = []
        self._norms: dict[str, list[float]] = {}
        self._highest: dict[str, float] = {}
        self._since: dict[str, list[int]] = {}

    def check(self, step: int, *, loss: float, gradient_norm: float, reading: Reading | None = None) -> list[Alarm]:
        """What is wrong after this step, the severe first.

        Args:
            step: the step just made.
            loss: the mean loss of its batch, nats a token.
            gradient_norm: over all parameters, before clipping.
            reading: what `Telemetry.after_step` gave.
        """
        alarms = [*self._not_finite(step, loss, gradient_norm), *self._loss_spike(step, loss)]
        if reading is not None:
            alarms += self._of_reading(step, reading)
        return sorted(alarms, key=lambda alarm: not alarm.severe)

    def state_dict(self) -> dict[str, Any]:
        """What is remembered, as plain JSON."""
        return {
            "losses": list(self._losses),
            "norms": {name: list(values) for name, values in self._norms.items()},
            "highest": dict(self._highest),
            "since": {name: list(counts) for name, counts in self._since.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            CheckpointError: it is something else.
        """
        if set(state) != set(self.state_dict()):
            raise CheckpointError(explain("alarm state", expected=sorted(self.state_dict()), got=sorted(state)))
        self._losses = list(state["losses"])
        self._norms = {name: list(values) for name, values in state["norms"].items()}
        self._highest = dict(state["highest"])
        self._since = {name: list(counts) for name, counts in state["since"].items()}

    def _not_finite(self, step: int, loss: float, gradient_norm: float) -> Iterable[Alarm]:
        for name, value in (("loss", loss), ("gradient norm", gradient_norm)):
            if not math.isfinite(value):
                yield Alarm(
                    step=step,
                    kind="not finite",
                    matrix=None,
                    message=f"{name} is {value} at step {step}",
                    advice=_GO_BACK,
                    severe=True,
                )

    def _loss_spike(self, step: int, loss: float) -> Iterable[Alarm]:
        if not math.isfinite(loss):
            return
        high = self._highest_usual_loss()
        since = self._lasting("loss", loss > high, step, SPIKE_STEPS)
        if loss <= high:
            self._losses = [*self._losses, loss][-_WINDOW:]
        if since is not None:
            usual = statistics.median(self._losses[-_BLOCK:])
            self._losses = []  # whatever comes now is judged by itself, or the alarm would never end
            yield Alarm(
                step=step,
                kind="loss spike",
                matrix=None,
                message=f"loss {loss:.4g} since step {since}, {loss - usual:.2g} above the usual {usual:.4g}",
                advice=_GO_BACK,
                severe=True,
            )

    def _highest_usual_loss(self) -> float:
        if len(self._losses) < _BLOCK:
            return math.inf
        latest_first = self._losses[::-1]
        blocks = [latest_first[i : i + _BLOCK] for i in range(0, len(latest_first), _BLOCK)]
        medians = [statistics.median(block) for block in blocks]
        away = [abs(loss - median) for block, median in zip(blocks, medians) for loss in block]
        rise = max(_DEVIATIONS * _NORMAL_MAD * statistics.median(away), _LEAST_RISE * abs(medians[0]))
        return medians[0] + rise

    def _of_reading(self, step: int, reading: Reading) -> Iterable[Alarm]:
        usual = statistics.median([m.update_ratio or 0.0 for m in reading.matrices.values()] or [0.0])
        for name, matrix in reading.matrices.items():
            if name.split(".")[0] not in _TABLES:
                yield from self._rank_collapse(step, name, "stable rank", matrix.stable_rank)
            yield from self._spectral_explosion(step, name, matrix.spectral_norm)
            yield from self._update(step, name, matrix, usual)
        if reading.totals is not None:
            yield from self._dead_model(step, reading.totals.update_ratio)
        if reading.spectrum is not None:
            yield from self._rank_collapse(
                step, reading.spectrum.matrix, "effective rank", reading.spectrum.effective_rank
            )
        if reading.hessian is not None:
            yield from self._sharpness(step, reading.hessian)

    def _rank_collapse(self, step: int, name: str, quantity: str, rank: float | None) -> Iterable[Alarm]:
        if rank is None:
            return
        key = f"{quantity} {name}"
        highest = self._highest[key] = max(rank, self._highest.get(key, rank))
        collapsed = rank - 1 < _COLLAPSED[quantity] * (highest - 1)
        if (since := self._lasting(key, collapsed, step, 1)) is not None:
            yield Alarm(
                step=step,
                kind="rank collapse",
                matrix=name,
                message=f"{quantity} of {name} is {rank:.3g} since step {since}, once {highest:.3g}",
                advice="lower the learning rate, or raise weight decay, before the loss blows up; muon keeps ranks up",
                severe=False,
            )

    def _spectral_explosion(self, step: int, name: str, sigma: float | None) -> Iterable[Alarm]:
        if sigma is None:
            return
        earlier = self._norms.get(name, [])
        usual = statistics.median(earlier) if len(earlier) == _NORMS else math.inf
        self._norms[name] = [*earlier, sigma][-_NORMS:]
        if (since := self._lasting(f"norm {name}", usual > 0 and sigma > _EXPLODED * usual, step, 1)) is not None:
            yield Alarm(
                step=step,
                kind="spectral explosion",
                matrix=name,
                message=f"spectral norm of {name} is {sigma:.3g} since step {since}, lately {usual:.3g}",
                advice="lower the learning rate, lengthen the warmup, or clip gradients harder",
                severe=False,
            )

    def _update(self, step: int, name: str, matrix: MatrixReading, usual: float) -> Iterable[Alarm]:
        value = matrix.update_ratio
        if value is None:
            return
        if (since := self._lasting(f"large {name}", value > _LARGE_UPDATE, step, _READINGS)) is not None:
            yield Alarm(
                step=step,
                kind="large update",
                matrix=name,
                message=f"a step changes {name} by {value:.3g} of itself since step {since}; 1e-3 is usual",
                advice="lower the learning rate or lengthen the warmup",
                severe=False,
            )
        if (since := self._lasting(f"dead {name}", value < _DEAD_BESIDE_OTHERS * usual, step, _READINGS)) is not None:
            yield Alarm(
                step=step,
                kind="dead update",
                matrix=name,
                message=f"a step changes {name} by {value:.3g} of itself since step {since}; others by {usual:.3g}",
                advice="see whether its gradient is zero: an input that is always off, a branch that is not used",
                severe=False,
            )

    def _dead_model(self, step: int, value: float | None) -> Iterable[Alarm]:
        is_dead = value is not None and value < _DEAD_UPDATE
        if (since := self._lasting("dead model", is_dead, step, _READINGS)) is not None:
            yield Alarm(
                step=step,
                kind="dead update",
                matrix=None,
                message=f"no matrix moves since step {since}: a step changes all of them by {value:.3g}",
                advice="see whether the learning rate has come to zero, or gradients are all zero",
                severe=False,
            )

    def _sharpness(self, step: int, hessian: SharpnessReading) -> Iterable[Alarm]:
        value, limit = hessian.eigenvalue, hessian.limit
        if value is None or limit is None:
            return
        if (since := self._lasting("sharpness", value > limit, step, 1)) is not None:
            yield Alarm(
                step=step,
                kind="sharpness",
                matrix=None,
                message=f"top Hessian eigenvalue {value:.4g} since step {since}, above 2 / learning rate = {limit:.4g}",
                advice=f"gradient descent needs a learning rate below {2 / value:.3g}; Adam and momentum bear more",
                severe=False,
            )

    def _lasting(self, key: str, holds: bool, step: int, times: int) -> int | None:
        """The step since when a condition holds, at the one moment that it has held `times` times in a row."""
        if not holds:
            self._since.pop(key, None)
            return None
        first, count = self._since.get(key, (step, 0))
        self._since[key] = [first, count + 1]
        return first if count + 1 == times else None
