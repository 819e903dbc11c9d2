"""Everything that is measured of two models, in the order in which it is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from eigenlm.estimate import Estimate
from eigenlm.language_model import LanguageModel
from eigenlm.shown import Shown
from eigenlm.tasks.effect import Effect, effect
from eigenlm.tasks.side_by_side.default_texts import default_texts
from eigenlm.tasks.side_by_side.exchanges import TwoAnswers, exchanges
from eigenlm.tasks.side_by_side.footprint import Footprint
from eigenlm.tasks.side_by_side.speeds import Speeds, speeds
from eigenlm.text.reading import ReadText, Text

if TYPE_CHECKING:
    from eigenlm.compression import Plan  # compiles, which measuring need not wait for

_TIMED = 256  # tokens of the first text, which both read on time


@dataclass(frozen=True, kw_only=True)
class Foretold(Shown):
    """What a plan said that it would cost.

    Attributes:
        loss: increase of the loss, as `compression.forecast.LossForecast` counts it.
        divergence: KL(before || after), or 1 - cosine of vectors; None in a plan of an older version.
        unit: of the loss, in words.
        text: what it was calibrated and tried on.
    """

    loss: Estimate
    divergence: Estimate | None
    unit: str
    text: str

    @classmethod
    def by(cls, plan: "Plan") -> "Foretold":
        """What a plan says."""
        return cls(loss=plan.forecast, divergence=plan.divergence, unit=plan.unit, text=plan.calibration.text)


@dataclass(frozen=True, kw_only=True)
class SideBySide(Shown):
    """Two models compared.

    Attributes:
        before: what the first takes.
        after: what the second takes.
        texts: what lies between them on each text, by its name.
        texts_given: False where there were none, and they were compared on what is always there.
        speeds: how fast both read and write.
        exchanges: prompts that both answered; none of encoders.
        foretold: what the plan had said that led from one to the other; None where there was none.
    """

    before: Footprint
    after: Footprint
    texts: Mapping[str, Effect]
    texts_given: bool
    speeds: Speeds
    exchanges: tuple[TwoAnswers, ...]
    foretold: Foretold | None = None

    def report(self, path: str | Path) -> None:
        """Write one HTML page that needs no network, whole or not at all.

        Raises:
            DataError: the place cannot be written.
        """
        from eigenlm.tasks.side_by_side.page import write_page

        write_page(self, path)


def side_by_side(
    before: LanguageModel,
    after: LanguageModel,
    texts: Mapping[str, Text] | None = None,
    *,
    prompts: Sequence[str] | None = None,
    plan: "Plan | None" = None,
    window: int | None = None,
) -> SideBySide:
    """Compare two models by all that can be measured of them here.

    Args:
        before: a decoder that predicts tokens, or an encoder.
        after: of the same kind, with the same tokenizer.
        texts: by their names, each as `tasks.perplexity` takes it; by default the documentation inside Python and what
            the first model writes by itself.
        prompts: what both answer; five small ones by default.
        plan: what led from the first to the second, if its forecast is to stand beside.
        window: tokens that the models see at once, as for `tasks.effect`.

    Raises:
        ConfigError: models that do not compare, a window that does not fit, or too little memory.
        DataError: a text of fewer than two tokens, an empty prompt, or numbers that are not finite.
        ShapeError: a prompt that fills the context.
    """
    read = texts or default_texts(before)
    effects = {name: effect(before, after, text, window=window) for name, text in read.items()}
    ids = list(islice(ReadText(next(iter(read.values())), before.tokenizer), _TIMED))
    return SideBySide(
        before=Footprint.of(before),
        after=Footprint.of(after),
        texts=effects,
        texts_given=bool(texts),
        speeds=speeds(before, after, ids),
        exchanges=exchanges(before, after, prompts) if before.config.kind == "decoder" else (),
        foretold=None if plan is None else Foretold.by(plan),
    )
