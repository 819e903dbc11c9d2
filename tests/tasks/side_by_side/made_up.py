"""Two models that never were, side by side."""

from eigenlm.estimate import Estimate
from eigenlm.tasks import Effect, Perplexity, SideBySide
from eigenlm.tasks.effect import Performance
from eigenlm.tasks.side_by_side import Footprint, Foretold, Rate, Reply, Speeds, TimedByTurns, TwoAnswers

HOSTILE = '</title><img src=x onerror="document.title=1">\u202eevil\x1b[31m'


def estimate(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def performance(name: str, nll: float | None) -> Performance:
    score = None
    if nll is not None:
        score = Perplexity(
            nll=nll, tokens=2000, num_bytes=8000, window=250, stride=250, window_nll=(1.0,), window_tokens=(249,)
        )
    return Performance(name=name, score=score, num_params=1000, num_bytes=4000, tokens_per_second=100.0)


def effect(increase: float = 0.05, **changes: object) -> Effect:
    told = {
        "before": performance("before", 3.0),
        "after": performance("after", 3.0 + increase),
        "tokens": 2000,
        "nll_increase": estimate(increase, 0.012),
        "perplexity_ratio": estimate(increase, 0.012).exp(),
        "kl": estimate(0.04, 0.005),
        "agreement": Estimate(value=0.9125, low=0.8912, high=0.9304),
        "cosine_distance": None,
        "speed_ratio": estimate(1.2, 0.1),
    }
    return Effect(**told | changes)


def exchange(prompt: str = "Capital of France?", **changes: object) -> TwoAnswers:
    told = {
        "before": Reply(same="The capital is", parting=" Paris", rest=", of course.", num_tokens=9),
        "after": Reply(same="The capital is", parting=" Lyon", rest=".", num_tokens=6),
        "parting": 4,
    }
    return TwoAnswers(prompt=prompt, **told | changes)


def speeds(*names: str) -> Speeds:
    rate = Rate(median=40.25, least=38.0, most=41.5)
    timed = {name: TimedByTurns(before=rate, after=rate, ratio=estimate(1.25, 0.03)) for name in names}
    return Speeds(timed=timed, device="cpu", dtype="float32", threads=2, read=256, written=24, rounds=5)


def found(**changes: object) -> SideBySide:
    alike = Reply(same="42", parting="", rest="", num_tokens=1)
    told = {
        "before": Footprint(name="/models/large", num_params=1000, file_bytes=2000, num_bytes=4000, running_bytes=7900),
        "after": Footprint(name="/models/small", num_params=900, file_bytes=3600, num_bytes=3600, running_bytes=7000),
        "texts": {"near.txt": effect(), "far.txt": effect(0.2)},
        "texts_given": True,
        "speeds": speeds("prefill", "decode"),
        "exchanges": (
            exchange(),
            exchange("What is 17 + 25?", before=alike, after=alike, parting=None),
            exchange("Say more.", after=Reply(same="The capital is", parting="", rest="", num_tokens=3)),
        ),
        "foretold": Foretold(
            loss=estimate(0.06, 0.02), divergence=estimate(0.05, 0.01), unit="nats a token", text="near.txt"
        ),
    }
    return SideBySide(**told | changes)
