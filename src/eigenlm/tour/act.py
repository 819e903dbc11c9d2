"""Step 5: carry the plan out, and measure what it did."""

from collections import Counter
from dataclasses import dataclass

from rich.filesize import decimal

from eigenlm.analysis.finding import listed
from eigenlm.analysis.page import BeforeAfter, Measured
from eigenlm.checkpoint import Opened, gguf_size, open_model
from eigenlm.compression import Plan
from eigenlm.errors import EigenError
from eigenlm.language_model import LanguageModel
from eigenlm.tasks import Perplexity, nll_increase, perplexity
from eigenlm.text.opening import opening
from eigenlm.tour.meet import QUESTION, ask
from eigenlm.tour.speed import decoding_rates
from eigenlm.tour.story import Story
from eigenlm.tour.texts import Texts
from eigenlm.verbs import apply

KEPT = "F32"
"""How a GGUF file stores the matrices that a plan leaves as they are."""
# Tokens of held-out text to score, before and after: eight windows.
_SCORED = 8192


@dataclass(frozen=True)
class Shrunk:
    """The smaller model, and what became of it.

    Attributes:
        lm: the model.
        effect: what was measured.
        in_gguf: whether a GGUF file holds it.
    """

    lm: LanguageModel
    effect: BeforeAfter
    in_gguf: bool


@dataclass(frozen=True)
class Stored:
    """What a model takes on disk, and how its numbers are stored there."""

    num_bytes: int
    storage: str

    @classmethod
    def of(cls, opened: Opened) -> "Stored":
        """A file as it is, or all tensors of a folder."""
        tensors = opened.tensors
        kinds = Counter(tensors.storage(name) for name in tensors)
        num_bytes = opened.path.stat().st_size if opened.path.is_file() else sum(map(tensors.num_bytes, tensors))
        return cls(num_bytes, listed([kind for kind, _ in kinds.most_common()], most=3))


def act(story: Story, lm: LanguageModel, plan: Plan, texts: Texts, answer: str) -> Shrunk:
    """Apply the plan to a fresh copy of the model, and measure both on text that neither saw.

    Args:
        story: where to tell it.
        lm: the model as it was.
        plan: for that model.
        texts: the held-out part is measured on.
        answer: what the model said to the question.
    """
    story.step(
        "Act, and measure",
        "The numbers of a matrix become codes of few bits, and those of a group share a step. Numbers are rounded one"
        " after another, each making up for the errors left of it and above it, and then moved to where the matrix"
        " loses least."
        " Then both models score the same text, which the plan never saw, and answer the same question.",
    )
    small = apply(plan, device=lm.device.type)
    window = min(1024, lm.config.context_length)
    text = opening(texts.held_out, lm.tokenizer, _SCORED)
    before, after = (perplexity(model, text, window=window) for model in (lm, small))
    answer_after = ask(story, small)
    opened = open_model(plan.model)
    file, gguf = Stored.of(opened), _gguf_bytes(small)
    rates = decoding_rates((lm, small), QUESTION)
    effect = BeforeAfter(
        text=f"{before.tokens:,} held-out tokens of {texts.source}",
        before=_measured(lm, before, answer, file.num_bytes, rates[0]),
        after=_measured(small, after, answer_after, gguf or small.num_bytes, rates[1]),
        nll_increase=nll_increase(before, after),
        forecast=plan.forecast,
        question=QUESTION,
    )
    _print(story, effect, file.storage)
    return Shrunk(small, effect, in_gguf=gguf is not None)


def _gguf_bytes(lm: LanguageModel) -> int | None:
    """Of the file that holds it; None where none can."""
    try:
        return gguf_size(lm.model, KEPT, **lm.foreign_parts)
    except EigenError:
        return None


def _measured(lm: LanguageModel, score: Perplexity, answer: str, file_bytes: int, rate: float) -> Measured:
    return Measured(
        nll=score.nll,
        num_params=lm.num_params,
        num_bytes=lm.num_bytes,
        tokens_per_second=rate,
        answer=answer,
        file_bytes=file_bytes,
    )


def _print(story: Story, effect: BeforeAfter, storage: str) -> None:
    """The table of before and after, among it the file it came from and the bytes that the new folder will take."""
    before, after = effect.before, effect.after
    assert before.file_bytes is not None
    assert after.file_bytes is not None
    on_disk = before.file_bytes, after.file_bytes
    rows = [
        ("parameters", f"{before.num_params:,}", f"{after.num_params:,}", _change(before.num_params, after.num_params)),
        (
            "bytes in memory",
            decimal(before.num_bytes),
            decimal(after.num_bytes),
            _change(before.num_bytes, after.num_bytes),
        ),
        ("bytes on disk", *map(decimal, on_disk), _change(*on_disk)),
        ("loss, nats a token", f"{before.nll:.4f}", f"{after.nll:.4f}", f"{effect.nll_increase.value:+.4f}"),
        (
            "perplexity",
            f"{before.perplexity:.2f}",
            f"{after.perplexity:.2f}",
            _change(before.perplexity, after.perplexity),
        ),
    ]
    if before.tokens_per_second is not None and after.tokens_per_second is not None:
        rates = before.tokens_per_second, after.tokens_per_second
        rows.append(("tokens/s, one conversation", f"{rates[0]:.1f}", f"{rates[1]:.1f}", _change(*rates)))
    story.table(["", "before", "after", "change"], rows)
    if on_disk[1] > on_disk[0]:
        story.say(
            f"On disk it has grown: the file it came from packs its numbers ({storage}) closer than this plan does."
        )
    forecast, found = effect.forecast, effect.nll_increase
    assert forecast is not None
    story.say(
        f"The loss rose by [bold]{found.value:.4f}[/] nats a token (95% interval {found.low:.4f} to {found.high:.4f});"
        f" the forecast was {forecast.value:.4f} ({forecast.low:.4f} to {forecast.high:.4f})."
    )


def _change(before: float, after: float) -> str:
    return f"{after / before - 1:+.1%}"
