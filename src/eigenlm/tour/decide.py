"""Step 4: which matrix takes how many bits, and what that should cost."""

from collections import Counter
from collections.abc import Sequence

from rich.markup import escape

from eigenlm.analysis.kinds import by_kind
from eigenlm.compression import Decision, Plan
from eigenlm.language_model import LanguageModel
from eigenlm.tour.meet import CALIBRATED, METHODS
from eigenlm.tour.story import Story
from eigenlm.tour.texts import Texts
from eigenlm.verbs import plan


def decide(story: Story, lm: LanguageModel, texts: Texts, max_loss: float) -> Plan:
    """Plan the smallest file that was seen to lose no more than `max_loss` nats per token, and print its forecast."""
    story.step(
        "Decide where bits are saved",
        "The weights alone do not say what matters; what flows through them does. Measure, on"
        f" {escape(texts.source)}, what each matrix is fed (the Gram matrix of its inputs, their products with each"
        " other) and how much the loss feels its outputs (the Gram matrix of their gradients)."
        " In that metric every matrix is rounded to every type of few bits that a GGUF file has, and each type has its"
        " price in bytes and in loss. Bytes are then spent where they save most loss, and of all sizes that are tried"
        f" the smallest stays that loses no more than {max_loss:g} nats a token.",
    )
    made = plan(lm, goal={"max_loss": max_loss}, calibration=texts.calibration, tokens=CALIBRATED, methods=METHODS)
    story.table(
        ["matrix", "numbers", "bits a number", "stored as"],
        [_row(kind, actions) for kind, actions in by_kind(made.actions).items()],
    )
    cost = made.forecast
    story.say(
        f"[bold]Forecast[/], tried on {made.calibration.held_out_tokens:,} tokens that the plan did not see: the loss"
        f" rises by [bold]{cost.value:.4f}[/] nats a token (95% interval {cost.low:.4f} to {cost.high:.4f})."
    )
    return made


def _row(kind: str, actions: Sequence[Decision]) -> list[str]:
    numbers = sum(action.rows * action.columns for action in actions)
    types = Counter(action.action.label for action in actions)
    return [
        kind,
        f"{numbers:,}",
        f"{8 * sum(action.num_bytes for action in actions) / max(numbers, 1):.2f}",
        ", ".join(f"{label} x {count}" for label, count in types.most_common()),
    ]
