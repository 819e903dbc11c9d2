"""`eigenlm plan`."""

import shlex
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.allowed import check_methods
from eigenlm.cli.command import Command
from eigenlm.cli.options import Calibration, Compute, Model, Out, Overwrite
from eigenlm.cli.output import print_facts, print_json, said_of_loss
from eigenlm.config import to_dict
from eigenlm.files import check_plan, tensors_beside

if TYPE_CHECKING:
    from eigenlm.compression import Plan as PlanMade


@dataclass(frozen=True)
class PlanCommand(Command):
    """Decide what happens to each matrix under one budget, and forecast what that costs; changes nothing."""

    model: Model
    out: Out
    keep: float = 0.9
    """Fraction of the linear layers' bytes to keep, in (0, 1]."""
    methods: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="NAME ...", help="What may be done: low_rank, int8, bits, or several of them."),
    ] = ("low_rank",)
    text: Calibration = None
    tokens: int = 8192
    """How many tokens of it to use, spread over it evenly; a quarter is kept apart for the forecast."""
    seed: int = 0
    """Of the random generator that draws labels from the model's predictions."""
    overwrite: Overwrite = False
    compute: Compute = field(default_factory=Compute)

    @property
    def beside(self) -> Path:
        """Where the plan's tensors go."""
        return tensors_beside(self.out)

    def check(self) -> None:
        """Refuse methods that there are not, and the name of the plan's tensors for the plan itself."""
        check_methods(self.methods)
        check_plan(self.out)

    def run(self) -> None:
        """Measure, plan, write the plan, and print what it decided."""
        from eigenlm import verbs
        from eigenlm.compression.room import planning

        lm = self.compute.load(self.model, planning(self.tokens, self.methods))
        plan = verbs.plan(
            lm, keep=self.keep, calibration=self.text, tokens=self.tokens, seed=self.seed, methods=self.methods
        )
        plan.save(self.out)
        if self.json:
            print_json(_figures(plan, self.out))
        else:
            _print(plan)
            self.point_to(self.out, f"eigenlm apply {shlex.quote(str(self.out))} --out FOLDER")


def _figures(plan: "PlanMade", out: Path) -> dict[str, object]:
    return {
        "out": out,
        "model": plan.model,
        "keep": plan.keep,
        "num_params_before": plan.num_params_before,
        "num_params_after": plan.num_params_after,
        "num_bytes_before": plan.num_bytes_before,
        "num_bytes_after": plan.num_bytes_after,
        "forecast": plan.forecast,
        "calibration": plan.calibration,
        "actions": [to_dict(decision) for decision in plan.actions],
    }


def _print(plan: "PlanMade") -> None:
    cost, words = plan.forecast, Counter(decision.action.words for decision in plan.actions)
    made = ", ".join(f"{count:,} {said}" for said, count in words.most_common())
    saved = 1 - plan.num_bytes_after / plan.num_bytes_before
    print_facts(
        [
            ("matrices", f"{len(plan.actions):,}: {made}"),
            ("numbers in them", f"{plan.num_params_before:,} -> {plan.num_params_after:,}"),
            ("bytes in memory", f"{plan.num_bytes_before:,} -> {plan.num_bytes_after:,} ({-saved:+.1%})"),
            ("loss, forecast", said_of_loss(cost)),
        ]
    )
