"""What became of a model: two models on the same text, window by window."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eigenlm.engine.room import LOGIT_ROWS, check_scoring
from eigenlm.engine.sampling import BEYOND_FLOATS
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.language_model import LanguageModel, check_speaks
from eigenlm.linalg.divergence import kl_divergence
from eigenlm.linalg.paired import paired_mean
from eigenlm.progress import track
from eigenlm.shown import Shown
from eigenlm.tasks.language_modelling import Perplexity, nll_increase, perplexity_of, token_nll
from eigenlm.tasks.scored_text import ScoredText
from eigenlm.text.reading import Text
from eigenlm.text.windows import ScoredWindow


@dataclass(frozen=True, kw_only=True)
class Performance(Shown):
    """What one of the two models is like.

    Attributes:
        name: where it was read from.
        score: how well it expects the text; None for an encoder.
        num_params: its numbers.
        num_bytes: bytes that these and what belongs to them take.
        tokens_per_second: that it reads, with this machine's threads.
    """

    name: str
    score: Perplexity | None
    num_params: int
    num_bytes: int
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True)
class Effect(Shown):
    """The difference between two models, with 95 % intervals by paired windows of text.

    Attributes:
        before: the first model.
        after: the second.
        tokens: how many were compared.
        nll_increase: nats per token, after less before; None for encoders.
        perplexity_ratio: after over before; None for encoders.
        kl: KL(before || after), the mean over tokens, in nats.
        speed_ratio: tokens a second, after over before.
    """

    before: Performance
    after: Performance
    tokens: int
    nll_increase: Estimate | None
    perplexity_ratio: Estimate | None
    kl: Estimate
    speed_ratio: Estimate

    @property
    def bytes_saved(self) -> float:
        """The part of the first model's bytes that the second does without."""
        return 1 - self.after.num_bytes / self.before.num_bytes


@dataclass
class _Run:
    """What one model gave, window by window."""

    lm: LanguageModel
    runner: nn.Module
    nll: list[float]
    seconds: list[float]

    @classmethod
    def of(cls, lm: LanguageModel) -> "_Run":
        return cls(lm, lm.runner.current(), [], [])

    def logits(self, ids: Tensor) -> Tensor:
        start = time.perf_counter()
        logits_TV = self.runner(ids[None].to(self.lm.device))[0].float().cpu()
        self.seconds.append(time.perf_counter() - start)
        return logits_TV


@torch.inference_mode()
def effect(
    before: LanguageModel,
    after: LanguageModel,
    text: Text,
    *,
    window: int | None = None,
    stride: int | None = None,
) -> Effect:
    """Let two models read the same text, one window after the other in turn, and compare what they say.

    Args:
        before: a decoder or an encoder with a head.
        after: of the same kind, with the same tokenizer.
        text: as in `perplexity`.
        window: tokens a window holds; 1,024 or the shorter context by default.
        stride: tokens from one window to the next; the window's length by default.

    Raises:
        ConfigError: models without a head, of different kinds or tokenizers, a window that does not fit, or too
            little memory.
        DataError: fewer than two tokens, or logits that are not finite.
    """
    check_speaks(before, "measuring")
    check_speaks(after, "measuring")
    context = min(before.config.context_length, after.config.context_length)
    window = min(1024, context) if window is None else window
    _check(before, after, window, context)
    check_scoring(before.model, before.config, window, models=2)
    decodes = before.config.kind == "decoder"
    windows = ScoredText(text, before.tokenizer, window, window if stride is None else stride)
    runs, kl = [_Run.of(before), _Run.of(after)], []
    for i, scored in enumerate(track(windows, "measuring", windows.expected)):
        ids_T = torch.tensor(scored.ids)
        if i == 0:
            for run in runs:
                run.runner(ids_T[None].to(run.lm.device))  # the first pass of all is slower
        # In turn, so that neither always comes second.
        logits = {id(run): run.logits(ids_T) for run in (runs if i % 2 == 0 else runs[::-1])}
        said = [_scored(logits[id(run)], scored, decodes) for run in runs]
        kl.append(sum(float(kl_divergence(p, q).double().sum()) for p, q in zip(*(x.split(LOGIT_ROWS) for x in said))))
        for run in runs:
            run.nll.append(float(token_nll(logits[id(run)], ids_T)[-scored.num_scored :].double().sum()))
    if not math.isfinite(sum(kl)):
        got = "NaN or infinity"
        raise DataError(explain("measuring", expected="finite logits of both models", got=got, do=BEYOND_FLOATS))
    sides = [_performance(run, windows, perplexity_of(windows, run.nll) if decodes else None) for run in runs]
    increase = nll_increase(*(side.score for side in sides)) if decodes else None  # type: ignore[arg-type]
    counts_W = torch.tensor(windows.counts).float()
    faster_W = torch.tensor(runs[0].seconds).log() - torch.tensor(runs[1].seconds).log()
    return Effect(
        before=sides[0],
        after=sides[1],
        tokens=int(counts_W.sum()),
        nll_increase=increase,
        perplexity_ratio=None if increase is None else increase.exp(),
        kl=paired_mean(torch.tensor(kl, dtype=torch.float64), counts_W),
        speed_ratio=paired_mean(faster_W).exp(),
    )


def _scored(logits_TV: Tensor, scored: ScoredWindow, decodes: bool) -> Tensor:
    """What is said of the scored tokens: by a decoder one place before them."""
    return (logits_TV[:-1] if decodes else logits_TV)[-scored.num_scored :]


def _performance(run: _Run, windows: ScoredText, score: Perplexity | None) -> Performance:
    return Performance(
        name=run.lm.name,
        score=score,
        num_params=run.lm.num_params,
        num_bytes=run.lm.num_bytes,
        tokens_per_second=windows.num_read / sum(run.seconds),
    )


def _check(before: LanguageModel, after: LanguageModel, window: int, context: int) -> None:
    for lm in (before, after):
        if lm.config.kind == "encoder_decoder" or lm.config.head is None:
            got = f"an {lm.config.kind} " + ("without one" if lm.config.head is None else "with a head")
            raise ConfigError(explain(f"measuring {lm.name}", expected="a decoder or an encoder with a head", got=got))
    if before.config.kind != after.config.kind:
        got = f"{before.config.kind} and {after.config.kind}"
        raise ConfigError(explain("measuring", expected="two models of one kind", got=got))
    if before.tokenizer.fingerprint != after.tokenizer.fingerprint:
        got, do = f"those of {before.name} and {after.name}", "compare bits a byte with eigenlm perplexity"
        raise ConfigError(explain("measuring", expected="two models with one tokenizer", got=got, do=do))
    if window > context:
        raise ConfigError(explain("window", expected=f"at most {context} tokens", got=window))
