"""Step 5: carry the plan out, and measure what it did."""

from dataclasses import dataclass

from rich.filesize import decimal

from eigenlm.analysis.page import BeforeAfter, Measured
from eigenlm.compression import Plan
from eigenlm.language_model import LanguageModel
from eigenlm.tasks import Perplexity, nll_increase, perplexity
from eigenlm.tour.meet import QUESTION, ask
from eigenlm.tour.speed import decoding_rate
from eigenlm.tour.story import Story
from eigenlm.tour.texts import Texts, opening
from eigenlm.verbs import apply

# Tokens of held-out text to score, before and after: eight windows.
_SCORED = 8192


@dataclass(frozen=True)
class Shrunk:
    """The smaller model and what became of it."""

    lm: LanguageModel
    effect: BeforeAfter


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
        "Every planned matrix W becomes a product of two thin ones, stored in R (m + n - R) numbers instead of m n."
        " Then both models score the same text, which the plan never saw, and answer the same question.",
    )
    small = apply(plan, device=lm.device.type)
    window = min(1024, lm.config.context_length)
    text = opening(texts.held_out, lm.tokenizer, _SCORED)
    before, after = (perplexity(model, text, window=window) for model in (lm, small))
    answer_after = ask(story, small)
    effect = BeforeAfter(
        text=f"{before.tokens:,} held-out tokens of {texts.source}",
        before=_measured(lm, before, answer),
        after=_measured(small, after, answer_after),
        nll_increase=nll_increase(before, after),
        forecast=plan.forecast,
        question=QUESTION,
    )
    _print(story, effect)
    return Shrunk(small, effect)


def _measured(lm: LanguageModel, score: Perplexity, answer: str) -> Measured:
    return Measured(
        nll=score.nll,
        num_params=sum(parameter.numel() for parameter in lm.model.parameters()),
        num_bytes=sum(parameter.nbytes for parameter in lm.model.parameters()),
        tokens_per_second=decoding_rate(lm, QUESTION),
        answer=answer,
    )


def _print(story: Story, effect: BeforeAfter) -> None:
    before, after = effect.before, effect.after
    rows = [
        ("parameters", f"{before.num_params:,}", f"{after.num_params:,}", _change(before.num_params, after.num_params)),
        (
            "bytes in memory",
            decimal(before.num_bytes),
            decimal(after.num_bytes),
            _change(before.num_bytes, after.num_bytes),
        ),
        ("nats a token", f"{before.nll:.4f}", f"{after.nll:.4f}", f"{effect.nll_increase.value:+.4f}"),
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
    forecast, found = effect.forecast, effect.nll_increase
    assert forecast is not None
    story.say(
        f"The loss rose by [bold]{found.value:.4f}[/] nats a token (95 % interval {found.low:.4f} to {found.high:.4f});"
        f" the forecast was {forecast.value:.4f} ({forecast.low:.4f} to {forecast.high:.4f})."
    )


def _change(before: float, after: float) -> str:
    return f"{after / before - 1:+.1%}"
