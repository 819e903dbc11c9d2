"""One action per matrix, what it is expected to cost, and the tensors that carry it out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from torch import Tensor

from eigenlm.compression import plan_file
from eigenlm.compression.actions import Decision
from eigenlm.compression.forecast import NATS
from eigenlm.compression.goal import Goal
from eigenlm.config import to_dict
from eigenlm.errors import CheckpointError, ConfigError, explain
from eigenlm.estimate import Estimate
from eigenlm.shown import Shown

_ENOUGH = 0.9  # of the directions that a matrix reads


@dataclass(frozen=True, kw_only=True)
class Calibration(Shown):
    """The text a plan was made on.

    Attributes:
        text: what it was.
        tokens: that changes were fitted to and priced on.
        held_out_tokens: that the forecast was made on.
        seed: of the random generator that draws gradients.
        own_tokens: of those that were fitted to, how many the model wrote by itself.
        directions: that a layer's inputs have in what was fitted to, of the layer with the widest: the rank of their
            Gram; with fewer than the inputs are wide the text says nothing of the others.
        of_directions: how wide these inputs are; 0 where it was not measured.
    """

    text: str
    tokens: int
    held_out_tokens: int
    seed: int
    own_tokens: int = 0
    directions: int = 0
    of_directions: int = 0

    @property
    def warning(self) -> str:
        """What the text lacks, in a line; nothing of one that has enough."""
        if self.directions >= _ENOUGH * self.of_directions:
            return ""
        had = f"{self.directions:,} of the {self.of_directions:,} directions that a matrix of this model reads"
        return f"{self.text} has {had}, so that much may be lost elsewhere: give more tokens, or a longer text"


@dataclass(frozen=True, kw_only=True)
class Point:
    """What a size costs.

    Attributes:
        num_bytes: of what the goal counts.
        second_order: the loss that was foretold from the Grams, nats per token.
        loss: as it was on text kept apart.
        divergence: KL(before || after) there, nats per token.
    """

    num_bytes: int
    second_order: float
    loss: Estimate
    divergence: Estimate


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What a token takes in the matrices by themselves, each form of them as measured on the machine that planned.

    Attributes:
        before: seconds, as they are.
        after: seconds, as planned.
    """

    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class Plan(Shown):
    """A compression that is decided and not yet done.

    Attributes:
        model: what it is for, a path or a name.
        goal: what it was to reach.
        actions: what is decided for each matrix, in the module's order.
        forecast: what is lost, as `forecast.LossForecast` counts it.
        calibration: the text.
        unit: of the losses, in words.
        chosen: its size as the goal counts it, and what that costs; None in a plan of an older version.
        others: other sizes that were tried.
        timing: what it saves in time, where that was the goal.
        factors: the tensors that an action needs, by layer and name; they travel beside the JSON as safetensors.
    """

    model: str
    goal: Goal
    actions: tuple[Decision, ...]
    forecast: Estimate
    calibration: Calibration
    unit: str = NATS
    chosen: Point | None = None
    others: tuple[Point, ...] = ()
    timing: Timing | None = None
    factors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def divergence(self) -> Estimate | None:
        """How far what it tells will be from what it told; None in a plan of an older version."""
        return None if self.chosen is None else self.chosen.divergence

    @property
    def curve(self) -> tuple[Point, ...]:
        """All sizes that were tried, this one among them, from the smallest."""
        own = () if self.chosen is None else (self.chosen,)
        return tuple(sorted((*self.others, *own), key=lambda point: point.num_bytes))

    @property
    def num_params_before(self) -> int:
        """Numbers in the matrices."""
        return sum(decision.num_params_before for decision in self.actions)

    @property
    def num_params_after(self) -> int:
        """Numbers the plan leaves there."""
        return sum(decision.num_params for decision in self.actions)

    @property
    def num_bytes_before(self) -> int:
        """Bytes of the numbers in the matrices."""
        return sum(decision.num_bytes_before for decision in self.actions)

    @property
    def num_bytes_after(self) -> int:
        """Bytes the plan leaves there."""
        return sum(decision.num_bytes for decision in self.actions)

    def check(self) -> None:
        """See that every action can be done to its layer, and has the tensors that it needs.

        Raises:
            ConfigError: an action that its layer cannot take, or two actions for one layer.
            CheckpointError: tensors that are missing, of other sizes, or not finite.
        """
        names: set[str] = set()
        for decision in self.actions:
            if decision.name in names:
                raise ConfigError(explain("plan", expected="one action for each layer", got=f"two for {decision.name}"))
            names.add(decision.name)
            if fault := decision.action.fault(decision):
                raise ConfigError(f"plan for {decision.name}, {fault}")
            parts = self.factors.get(decision.name, {})
            if missing := [part for part in decision.action.parts if part not in parts]:
                expected = f"tensors {', '.join(missing)} of {decision.name}"
                do = "keep the .safetensors file beside the plan, or make the plan again"
                raise CheckpointError(explain("plan", expected=expected, got="none of that name", do=do))
            if parts and (fault := decision.action.fault_of_parts(decision, parts)):
                raise CheckpointError(f"plan for {decision.name}, {fault}")
            for part, tensor in parts.items():
                if not (tensor.float() if tensor.itemsize == 1 else tensor).isfinite().all():
                    operation = f"plan for {decision.name}, tensor {part}"
                    do = "make the plan again"
                    raise CheckpointError(explain(operation, expected="finite numbers", got="NaN or infinite", do=do))

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON and its factors beside it as safetensors, each whole or not at all.

        Raises:
            DataError: the place cannot be written.
        """
        content = {
            "model": self.model,
            "goal": asdict(self.goal),
            "actions": [to_dict(decision) for decision in self.actions],
            "forecast": asdict(self.forecast),
            "calibration": asdict(self.calibration),
            "unit": self.unit,
            "chosen": self.chosen and asdict(self.chosen),
            "others": [asdict(point) for point in self.others],
            "timing": self.timing and asdict(self.timing),
        }
        plan_file.write(Path(path), content, self.factors)

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan and its factors.

        Raises:
            CheckpointError: no plan there, or factors that are missing, damaged or of another plan.
            ConfigError: an action that is unknown, or that its layer cannot take.
        """
        values, factors = plan_file.read(Path(path))
        actions = tuple(Decision.from_dict(each, f"action {i}") for i, each in enumerate(values.pop("actions")))
        head = plan_file.typed(_Head, values, Path(path))
        found = cls(**vars(head), actions=actions, factors=factors)
        found.check()
        return found


@dataclass(frozen=True, kw_only=True)
class _Head:
    """What a plan says beside its actions."""

    model: str
    goal: Goal
    forecast: Estimate
    calibration: Calibration
    unit: str = NATS
    chosen: Point | None = None
    others: tuple[Point, ...] = ()
    timing: Timing | None = None
