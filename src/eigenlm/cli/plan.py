"""`eigenlm plan`."""

import shlex
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from eigenlm.allowed import GOALS, check_methods, chosen_goal
from eigenlm.cli.command import Command
from eigenlm.cli.options import Calibration, Compute, Model, Out, Overwrite
from eigenlm.cli.output import print_facts, print_json, said_of_loss, warn_of
from eigenlm.cli.size_curve import print_curve
from eigenlm.config import to_dict
from eigenlm.files import check_plan, tensors_beside

if TYPE_CHECKING:
    from eigenlm.compression import Plan as PlanMade
    from eigenlm.compression.goal import Asked
    from eigenlm.compression.plan import Timing


@dataclass(frozen=True)
class PlanCommand(Command):
    """Decide what happens to each matrix under one budget, and forecast what that costs; changes nothing."""

    model: Model
    out: Out
    keep: float | None = None
    """Fraction of the linear layers' bytes to keep, in (0, 1]; 0.9 where no other goal is given."""
    size: Annotated[
        str | None,
        tyro.conf.arg(metavar="BYTES", help="Instead: bytes of the model's file, such as 50MB, everything counted."),
    ] = None
    bits: float | None = None
    """Instead: bits that a number of the linear layers may take on average."""
    time: float | None = None
    """Instead: fraction of the time that decoding takes in the matrices, on this machine, below 1."""
    max_loss: float | None = None
    """Instead: nats a token by which the loss may rise; the smallest model that was seen to lose no more is planned."""
    max_kl: float | None = None
    """Instead: nats a token that the divergence from the model's own predictions may have."""
    methods: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="NAME ...", help="What may be done: low_rank, int8, bits, trellis, or several of them."),
    ] = ("low_rank",)
    text: Calibration = None
    tokens: int = 8192
    """How many tokens of it to use, spread over it evenly; a quarter is kept apart for the forecast."""
    sizes: int = 6
    """How many others to try, for the curve of sizes and losses."""
    seed: int = 0
    """Of the random generator that draws the gradients of the model's predictions."""
    overwrite: Overwrite = False
    compute: Compute = field(default_factory=Compute)

    @property
    def beside(self) -> Path:
        """Where the plan's tensors go."""
        return tensors_beside(self.out)

    def check(self) -> None:
        """Refuse methods and goals that there are not, and the name of the plan's tensors for the plan itself."""
        check_methods(self.methods)
        chosen_goal(self._asked)
        check_plan(self.out)

    @property
    def _asked(self) -> "Asked":
        given: Any = {name: getattr(self, name) for name in GOALS if getattr(self, name) is not None}
        return given

    def run(self) -> None:
        """Measure, plan, write the plan, and print what it decided."""
        from eigenlm import verbs
        from eigenlm.compression import Goal
        from eigenlm.compression.room import planning

        lm = self.compute.load(self.model, planning(self.tokens, self.methods, whole=Goal.of(None, self._asked).whole))
        plan = verbs.plan(
            lm,
            goal=self._asked,
            calibration=self.text,
            tokens=self.tokens,
            seed=self.seed,
            methods=self.methods,
            sizes=self.sizes,
        )
        plan.save(self.out)
        warn_of(plan.calibration)
        if self.json:
            print_json(_figures(plan, self.out))
        else:
            _print(plan)
            self.point_to(self.out, f"eigenlm apply {shlex.quote(str(self.out))} --out FOLDER")


def _figures(plan: "PlanMade", out: Path) -> dict[str, object]:
    return {
        "out": out,
        "model": plan.model,
        "goal": plan.goal,
        "num_params_before": plan.num_params_before,
        "num_params_after": plan.num_params_after,
        "num_bytes_before": plan.num_bytes_before,
        "num_bytes_after": plan.num_bytes_after,
        "unit": plan.unit,
        "forecast": plan.forecast,
        "divergence": plan.divergence,
        "timing": plan.timing,
        "curve": plan.curve,
        "calibration": plan.calibration,
        "actions": [to_dict(decision) for decision in plan.actions],
    }


def _in_milliseconds(timing: "Timing") -> str:
    change = timing.after / timing.before - 1
    return f"{1e3 * timing.before:.2f} -> {1e3 * timing.after:.2f} ms ({change:+.1%}), as measured here"


def _print(plan: "PlanMade") -> None:
    cost, words = plan.forecast, Counter(decision.action.words for decision in plan.actions)
    made = ", ".join(f"{count:,} {said}" for said, count in words.most_common())
    saved = 1 - plan.num_bytes_after / plan.num_bytes_before
    read = plan.calibration
    own = f", {read.own_tokens:,} of them the model's own words" if read.own_tokens else ""
    print_facts(
        [
            ("fitted to", f"{read.text}: {read.tokens:,} tokens{own}"),
            ("matrices", f"{len(plan.actions):,}: {made}"),
            ("numbers in them", f"{plan.num_params_before:,} -> {plan.num_params_after:,}"),
            ("bytes in memory", f"{plan.num_bytes_before:,} -> {plan.num_bytes_after:,} ({-saved:+.1%})"),
            *([] if plan.timing is None else [("a token's time in them", _in_milliseconds(plan.timing))]),
            ("loss, forecast", f"{said_of_loss(cost, plan.unit)} on {read.held_out_tokens:,} tokens kept apart"),
            *([] if plan.divergence is None else [("divergence, forecast", said_of_loss(plan.divergence, plan.unit))]),
        ]
    )
    if plan.chosen is not None and plan.others:
        print_curve(plan.curve, plan.chosen, plan.unit)
