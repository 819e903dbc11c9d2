"""The six steps in order."""

import time
from dataclasses import dataclass
from pathlib import Path

from eigenlm.allowed import check
from eigenlm.analysis.page import BeforeAfter
from eigenlm.files import check_new
from eigenlm.tour.act import act
from eigenlm.tour.decide import decide
from eigenlm.tour.farewell import farewell
from eigenlm.tour.look import look
from eigenlm.tour.meet import ask, meet
from eigenlm.tour.story import Story
from eigenlm.tour.survey import survey
from eigenlm.tour.texts import read_texts


@dataclass(frozen=True, kw_only=True)
class Journey:
    """What a tour found and left behind.

    Attributes:
        model: that was looked at.
        max_loss: nats per token by which the plan could let the loss rise.
        effect: forecast and measurement.
        smaller: file or folder of the smaller model.
        report: the page.
        next_commands: three command lines to go on with.
        seconds: the whole tour took.
    """

    model: str
    max_loss: float
    effect: BeforeAfter
    smaller: Path
    report: Path
    next_commands: tuple[str, ...]
    seconds: float


def walk(story: Story, *, model: str, max_loss: float, text: Path | None, out: Path) -> Journey:
    """See, decide, act and measure on one model.

    Args:
        story: where to tell it.
        model: a decoder, as `eigenlm.load` takes it.
        max_loss: nats per token by which the loss may rise, above 0.
        text: a file or folder to calibrate and measure on; None for the documentation inside Python.
        out: a new or empty folder for what stays.

    Raises:
        ConfigError: `max_loss` of 0 or less, or a model that is no decoder.
        DataError: `out` is in use, or the text cannot be read.
    """
    start = time.perf_counter()
    check(max_loss=max_loss)
    check_new(out)
    texts = read_texts(text)
    lm = meet(story, model)
    answer = ask(story, lm)
    look(story, lm)
    analysis = survey(story, model)
    plan = decide(story, lm, texts, max_loss)
    shrunk = act(story, lm, plan, texts, answer)
    left = farewell(story, model, analysis, plan, shrunk, out)
    seconds = time.perf_counter() - start
    return Journey(model=model, max_loss=max_loss, effect=shrunk.effect, **vars(left), seconds=seconds)
