"""How fast two models read and write, timed by turns: what else the machine does then slows both."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median

import torch

from eigenlm.engine import generate
from eigenlm.errors import counted
from eigenlm.estimate import Estimate
from eigenlm.language_model import LanguageModel
from eigenlm.linalg.paired import paired_mean
from eigenlm.progress import track
from eigenlm.shown import Shown

_ROUNDS, _READ, _WRITTEN = 5, 256, 24

Turn = Callable[[LanguageModel, Sequence[int], int], dict[str, float]]
"""Has a model work once, on tokens to read and so many to write: tokens a second, by what it did."""


@dataclass(frozen=True, kw_only=True)
class Rate(Shown):
    """Tokens a second of one model in several turns.

    Attributes:
        median: of the turns.
        least: of the slowest.
        most: of the fastest.
    """

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, rates: Sequence[float]) -> "Rate":
        """The median and the ends of what was timed."""
        return cls(median=median(rates), least=min(rates), most=max(rates))


@dataclass(frozen=True, kw_only=True)
class TimedByTurns(Shown):
    """The same work of two models.

    Attributes:
        before: tokens a second of the first.
        after: of the second.
        ratio: after over before, the geometric mean of the rounds' ratios.
    """

    before: Rate
    after: Rate
    ratio: Estimate


@dataclass(frozen=True, kw_only=True)
class Speeds(Shown):
    """How fast two models are, one text at a time.

    Attributes:
        timed: `prefill`, the tokens of a prompt side by side, and `decode`, new ones one by one; of encoders `read`.
        device: where.
        dtype: numbers of the weights.
        threads: that shared an operation.
        read: tokens of the prompt.
        written: new tokens after it; 0 of encoders.
        rounds: in each of which both had a turn; one more came before and is not counted.
    """

    timed: Mapping[str, TimedByTurns]
    device: str
    dtype: str
    threads: int
    read: int
    written: int
    rounds: int

    @property
    def told(self) -> str:
        """How it was timed, as a sentence."""
        work = f"reads {counted(self.read, 'token')}" + (f" and writes {self.written}" if self.written else "")
        return (
            f"In each of {self.rounds} rounds, after one that is not counted, each model {work}, one text at a time;"
            f" which is first changes from round to round. On {self.device} with {counted(self.threads, 'thread')},"
            f" weights in {self.dtype}."
        )


def speeds(before: LanguageModel, after: LanguageModel, ids: Sequence[int]) -> Speeds:
    """Time two models.

    Args:
        before: a decoder that predicts tokens, or an encoder.
        after: another of the same kind.
        ids: tokens to read, as many as there are, over and over.
    """
    context = min(lm.config.context_length for lm in (before, after))
    decodes = before.config.kind == "decoder"
    written = min(_WRITTEN, context // 2) if decodes else 0
    prompt = list(islice(cycle(ids), min(_READ, context - written)))
    turn: Turn = _written if decodes else _read
    rounds: list[tuple[dict[str, float], dict[str, float]]] = []
    for i in track(range(_ROUNDS + 1), "timing"):
        first, second = (turn(lm, prompt, written) for lm in ((before, after) if i % 2 else (after, before)))
        rounds.append((first, second) if i % 2 else (second, first))
    weight = next(before.model.parameters())
    return Speeds(
        timed={what: _by_turns([(a[what], b[what]) for a, b in rounds[1:]]) for what in rounds[0][0]},
        device=str(weight.device),
        dtype=str(weight.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        read=len(prompt),
        written=written,
        rounds=_ROUNDS,
    )


def _written(lm: LanguageModel, prompt: Sequence[int], count: int) -> dict[str, float]:
    steps = generate(lm.runner, [prompt], max_tokens=count)
    start = time.perf_counter()
    next(steps)  # reads the prompt, and gives the first token
    read = time.perf_counter()
    for _ in steps:
        pass
    return {
        "prefill": len(prompt) / (read - start),
        "decode": (count - 1) / (time.perf_counter() - read),
    }


@torch.inference_mode()
def _read(lm: LanguageModel, prompt: Sequence[int], _: int) -> dict[str, float]:
    ids_BT = torch.tensor([prompt], device=lm.device)
    model = lm.runner.current()
    start = time.perf_counter()
    model(ids_BT).sum().item()  # waits for an accelerator
    return {"read": len(prompt) / (time.perf_counter() - start)}


def _by_turns(rates: Sequence[tuple[float, float]]) -> TimedByTurns:
    before, after = zip(*rates)
    faster = torch.tensor(after).double().log() - torch.tensor(before).double().log()
    return TimedByTurns(before=Rate.of(before), after=Rate.of(after), ratio=paired_mean(faster).exp())
