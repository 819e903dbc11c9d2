"""`eigenlm plan`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.options import Compute, Json, Model, Out
from eigenlm.cli.output import print_json

if TYPE_CHECKING:
    from eigenlm.compression import Plan as PlanMade


@dataclass(frozen=True)
class Plan:
    """Decide which matrix keeps which rank under one budget, and forecast what that costs; changes nothing."""

    model: Model
    out: Out
    keep: float = 0.9
    """Fraction of the linear layers' numbers to keep, in (0, 1]."""
    text: Annotated[
        Path | None,
        tyro.conf.arg(metavar="PATH", help="Calibration text; the documentation inside Python itself by default."),
    ] = None
    tokens: int = 8192
    """How many tokens of it to use, spread over it evenly; a quarter is kept apart for the forecast."""
    seed: int = 0
    """Of the labels that are drawn from the model."""
    json: Json = False
    compute: Compute = field(default_factory=Compute)

    def run(self) -> None:
        """Measure, plan, write the plan, and print what it decided."""
        import eigenlm

        lm = self.compute.load(self.model)
        plan = eigenlm.plan(lm, keep=self.keep, calibration=self.text, tokens=self.tokens, seed=self.seed)
        plan.save(self.out)
        print_json(_figures(plan, self.out)) if self.json else _print(plan, self.out)


def _figures(plan: "PlanMade", out: Path) -> dict[str, object]:
    return {
        "out": out,
        "model": plan.model,
        "keep": plan.keep,
        "num_params_before": plan.num_params_before,
        "num_params_after": plan.num_params_after,
        "forecast": plan.forecast,
        "calibration": plan.calibration,
        "actions": plan.actions,
    }


def _print(plan: "PlanMade", out: Path) -> None:
    cost, thin = plan.forecast, [action for action in plan.actions if action.rank is not None]
    print(f"{len(thin)} of {len(plan.actions)} matrices get a rank, the others stay dense")
    print(f"numbers in them   {plan.num_params_before:,} -> {plan.num_params_after:,}")
    print(f"forecast          {cost.nll_increase:+.4f} nats a token, {cost.low:+.4f} to {cost.high:+.4f}")
    print(f"{out}: next, eigenlm apply {out} --out FOLDER")
