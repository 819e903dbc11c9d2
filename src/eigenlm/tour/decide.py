"""Step 4: which matrix keeps which rank, and what that should cost."""

from collections.abc import Sequence
from statistics import median

from rich.markup import escape

from eigenlm.analysis.kinds import by_kind
from eigenlm.compression import Decision, Plan
from eigenlm.language_model import LanguageModel
from eigenlm.tour.meet import CALIBRATED
from eigenlm.tour.story import Story
from eigenlm.tour.texts import Texts
from eigenlm.verbs import plan


def decide(story: Story, lm: LanguageModel, texts: Texts, keep: float) -> Plan:
    """Plan a low-rank compression and print its forecast."""
    story.step(
        "Decide what to cut",
        "The weights alone do not say what matters; what flows through them does. Measure, on"
        f" {escape(texts.source)}, what each matrix is fed (the Gram matrix of its inputs, their products with each"
        " other) and how much the loss feels its outputs (the Gram matrix of their gradients)."
        f" In that metric each matrix has a best approximation of every rank. One budget, {keep:.0%} of the numbers, is"
        " then spent where it saves most loss; a matrix may also be left whole.",
    )
    made = plan(lm, keep=keep, calibration=texts.calibration, tokens=CALIBRATED)
    story.table(
        ["matrix", "numbers kept", "median rank kept", "full rank", "left whole", "lowest rank"],
        [_row(kind, actions) for kind, actions in by_kind(made.actions).items()],
    )
    cost = made.forecast
    story.say(
        f"[bold]Forecast[/], tried on {made.calibration.held_out_tokens:,} tokens that the plan did not see: the loss"
        f" rises by [bold]{cost.value:.4f}[/] nats a token (95% interval {cost.low:.4f} to {cost.high:.4f})."
    )
    return made


def _row(kind: str, actions: Sequence[Decision]) -> list[str]:
    ranks = [action.rank for action in actions if action.rank is not None]
    before = sum(action.num_params_before for action in actions)
    return [
        kind,
        f"{sum(action.num_params for action in actions) / before:.0%}",
        f"{median(ranks):.0f}" if ranks else "-",
        str(min(actions[0].rows, actions[0].columns)),
        f"{len(actions) - len(ranks)} of {len(actions)}",
        str(min(ranks)) if ranks else "-",
    ]
