"""What two models side by side come to, in words and figures that a terminal and a page share."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eigenlm.estimate import Estimate
from eigenlm.tasks.effect import Effect
from eigenlm.tasks.side_by_side.side_by_side import Foretold, SideBySide
from eigenlm.tasks.side_by_side.speeds import Rate


class Line(NamedTuple):
    """One line of a table of before and after; what does not apply is empty."""

    label: str
    before: str
    after: str
    change: str


class Cost(NamedTuple):
    """One figure of what a change costs.

    Attributes:
        title: what it is, with its unit.
        foretold: by a plan; None where none was or did.
        measured: by the name of the text.
    """

    title: str
    foretold: Estimate | None
    measured: dict[str, Estimate]


# Figures of an `Effect`, what they are called, and the field of a `Foretold` that foretells them.
_COSTS = {
    "nll_increase": ("Increase of the loss, nats a token", "loss"),
    "kl": ("KL divergence, nats a token", "divergence"),
    "cosine_distance": ("1 - cosine of a token's vectors", "divergence"),
}
_TIMED = {"prefill": "Prompt tokens read a second", "decode": "Tokens written a second", "read": "Tokens read a second"}


def short_name(name: str) -> str:
    """The last part of a path, or the whole of any other name."""
    return Path(name).name or name


def said(estimate: Estimate, style: str = ".4f") -> str:
    """A figure with its interval.

    >>> said(Estimate(value=0.5, low=0.25, high=1.0), "+.2f")
    '+0.50 (+0.25 to +1.00)'
    """
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return f"{estimate.value:{style}} (interval unknown)"
    return f"{estimate.value:{style}} ({estimate.low:{style}} to {estimate.high:{style}})"


def of_text(effect: Effect) -> list[Line]:
    """What lies between two models on one text."""
    before, after, lines = effect.before.score, effect.after.score, []
    if before is not None and after is not None and effect.nll_increase and effect.perplexity_ratio:
        ratio = f"x {said(effect.perplexity_ratio)}"
        lines += [
            Line("Loss, nats a token", f"{before.nll:.4f}", f"{after.nll:.4f}", said(effect.nll_increase, "+.4f")),
            Line("Perplexity", f"{before.perplexity:.3f}", f"{after.perplexity:.3f}", ratio),
        ]
    if effect.kl:
        lines.append(Line("KL divergence, nats a token", "", "", said(effect.kl)))
    if effect.agreement:
        lines.append(Line("Top-1 agreement", "", "", said(effect.agreement, ".2%")))
    if effect.cosine_distance:
        lines.append(Line("1 - cosine of a token's vectors", "", "", said(effect.cosine_distance, ".5f")))
    return lines


def of_size_and_speed(found: SideBySide) -> list[Line]:
    """What both take and how fast they are."""
    before, after = found.before, found.after
    lines = [
        _size("Parameters", before.num_params, after.num_params),
        _size("Bytes of the tensors in the file", before.file_bytes, after.file_bytes),
        _size("Bytes of the weights in memory", before.num_bytes, after.num_bytes),
        _size("The same with fast copies, while it runs", before.running_bytes, after.running_bytes),
    ]
    for what, timed in found.speeds.timed.items():
        lines.append(Line(_TIMED[what], _rate(timed.before), _rate(timed.after), f"x {said(timed.ratio, '.3f')}"))
    return lines


def _size(label: str, before: int | None, after: int | None) -> Line:
    change = "" if before is None or after is None else f"{after / before - 1:+.1%}"
    told = ["unknown" if size is None else f"{size:,}" for size in (before, after)]
    return Line(label, told[0], told[1], change)


def _rate(rate: Rate) -> str:
    return f"{rate.median:,.1f} ({rate.least:,.1f} to {rate.most:,.1f})"


def costs(found: SideBySide) -> list[Cost]:
    """What the second model loses; the first of them is what a forecast of the loss is about."""
    told = []
    for name, (title, foretold) in _COSTS.items():
        estimates = {text: getattr(effect, name) for text, effect in found.texts.items()}
        measured = {text: estimate for text, estimate in estimates.items() if estimate is not None}
        if measured:
            told.append(Cost(title, getattr(found.foretold, foretold, None), measured))
    return told


def headline(found: SideBySide) -> list[str]:
    """What it comes to, in a few sentences."""
    before, after = short_name(found.before.name), short_name(found.after.name)
    share, on_disk = f"{found.after.num_bytes / found.before.num_bytes:.1%}", ""
    if found.before.file_bytes and found.after.file_bytes:
        on_disk = f", on disk {found.after.file_bytes / found.before.file_bytes:.1%}"
    sentences = [f"In memory {after} takes {share} of the bytes of {before}{on_disk}."]
    sentences += [_of_text(short_name(name), effect) for name, effect in found.texts.items()]
    if found.foretold is not None:
        sentences.append(_of_forecast(found.foretold, list(costs(found)[0].measured.values())))
    if decode := found.speeds.timed.get("decode"):
        sentences.append(f"It writes {said(decode.ratio, '.2f')} times as fast.")
    return sentences


def _of_text(name: str, effect: Effect) -> str:
    if effect.cosine_distance is not None:
        return f"On {name} 1 - cosine of a token's vectors is {said(effect.cosine_distance, '.5f')}."
    apart = f"what it says of a token diverges by {said(effect.kl)} nats" if effect.kl else ""
    if effect.nll_increase:
        apart = f"its loss changes by {said(effect.nll_increase, '+.4f')} nats a token"
    same = "" if effect.agreement is None else f"{effect.agreement.value:.1%}"
    return f"On {name} {apart}, and both find the same token likeliest in {same} of places."


def _of_forecast(foretold: Foretold, measured: Sequence[Estimate]) -> str:
    inside = sum(foretold.loss.low <= one.value <= foretold.loss.high for one in measured)
    of_many = f"lies in that interval on {inside} of {len(measured)} texts"
    lies = of_many if len(measured) > 1 else f"lies {'inside' if inside else 'outside'} that interval"
    return f"The plan had foretold {said(foretold.loss, '+.4f')} {foretold.unit}; what was measured {lies}."
