"""What became of a model: two models on the same text, window by window."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eigenlm.engine.room import LOGIT_ROWS, check_scoring, usual_window
from eigenlm.engine.sampling import BEYOND_FLOATS
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.language_model import LanguageModel, check_speaks
from eigenlm.linalg.divergence import cosine_distance, kl_divergence
from eigenlm.linalg.paired import paired_mean
from eigenlm.linalg.token_means import mean_over_tokens, share_of_tokens
from eigenlm.model import VocabularyHead
from eigenlm.observe.predictions import gives_vectors
from eigenlm.progress import track
from eigenlm.shown import Shown
from eigenlm.tasks.language_modelling import Perplexity, perplexity_of, token_nll
from eigenlm.tasks.scored_text import ScoredText
from eigenlm.text.reading import Text
from eigenlm.text.windows import markers_around


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
    """The difference between two models, with 95 % intervals by paired windows of text, or parts of them.

    Attributes:
        before: the first model.
        after: the second.
        tokens: how many were compared.
        nll_increase: nats per token, after less before; None for encoders.
        perplexity_ratio: after over before; None for encoders.
        kl: KL(before || after), the mean over tokens, in nats; None for models that predict no tokens.
        agreement: share of tokens for which both find the same one likeliest; None for models that predict none.
        cosine_distance: 1 - cosine of a token's vectors before and after, the mean over tokens; None for models that
            predict tokens.
        speed_ratio: tokens a second, after over before.
    """

    before: Performance
    after: Performance
    tokens: int
    nll_increase: Estimate | None
    perplexity_ratio: Estimate | None
    kl: Estimate | None
    agreement: Estimate | None
    cosine_distance: Estimate | None
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
    nll: list[Tensor]
    seconds: list[float]

    @classmethod
    def of(cls, lm: LanguageModel) -> "_Run":
        return cls(lm, lm.runner.current(), [], [])

    def told(self, ids_T: Tensor) -> Tensor:
        """Logits of every token, or its vector."""
        start = time.perf_counter()
        told_TV = self.runner(ids_T[None].to(self.lm.device))[0].float().cpu()
        self.seconds.append(time.perf_counter() - start)
        return told_TV


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
        before: a decoder with a head, or an encoder; of one without a head its vectors are compared.
        after: of the same kind, with the same tokenizer.
        text: as in `perplexity`; an encoder without a head reads windows of it between the markers of a sentence.
        window: tokens a window holds; 1,024 or the shorter context by default, 64 where vectors are compared.
        stride: tokens from one window to the next; the window's length by default.

    Raises:
        ConfigError: models that do not compare: without predictions or vectors, of different kinds, sizes or
            tokenizers; a window that does not fit, or too little memory.
        DataError: fewer than two tokens, or numbers that are not finite.
    """
    _check(before, after)
    window = _window(before, after, window)
    check_scoring(before.model, before.config, window, models=2)
    decodes, vectors = before.config.kind == "decoder", gives_vectors(before.model)
    first, last = markers_around(before.tokenizer) if vectors else ([], [])
    inside = max(2, window - len(first) - len(last))
    windows = ScoredText(text, before.tokenizer, inside, inside if stride is None else stride)
    runs = [_Run.of(before), _Run.of(after)]
    apart: defaultdict[str, list[Tensor]] = defaultdict(list)
    for i, scored in enumerate(track(windows, "measuring", windows.expected)):
        ids_T = torch.tensor([*first, *scored.ids, *last])
        if i == 0:
            for run in runs:
                run.runner(ids_T[None].to(run.lm.device))  # the first pass of all is slower
        # In turn, so that neither always comes second.
        told = {id(run): run.told(ids_T) for run in (runs if i % 2 == 0 else runs[::-1])}
        p, q = (_scored(told[id(run)], None if vectors else scored.num_scored, decodes) for run in runs)
        for name, values_T in (_vectors_apart if vectors else _logits_apart)(p, q).items():
            apart[name].append(values_T)
        for run in runs if decodes else ():
            run.nll.append(token_nll(told[id(run)], ids_T)[-scored.num_scored :].double())
    if not all(bool(values_T.isfinite().all()) for each in apart.values() for values_T in each):
        what, got = "vectors" if vectors else "logits", "NaN or infinity"
        raise DataError(explain("measuring", expected=f"finite {what} of both models", got=got, do=BEYOND_FLOATS))
    return _effect(runs, windows, apart)


def _effect(runs: Sequence[_Run], windows: ScoredText, apart: dict[str, list[Tensor]]) -> Effect:
    increase = mean_over_tokens([q - p for p, q in zip(*(run.nll for run in runs))]) if runs[0].nll else None
    sides = [_performance(run, windows) for run in runs]
    faster_W = torch.tensor(runs[0].seconds).log() - torch.tensor(runs[1].seconds).log()
    return Effect(
        before=sides[0],
        after=sides[1],
        tokens=sum(map(len, next(iter(apart.values())))),
        nll_increase=increase,
        perplexity_ratio=None if increase is None else increase.exp(),
        kl=mean_over_tokens(apart["kl"]) if "kl" in apart else None,
        agreement=share_of_tokens(apart["agreement"]) if "agreement" in apart else None,
        cosine_distance=mean_over_tokens(apart["cosine_distance"]) if "cosine_distance" in apart else None,
        speed_ratio=paired_mean(faster_W).exp(),
    )


def _scored(told_TV: Tensor, count: int | None, decodes: bool) -> Tensor:
    """What is said of the scored tokens, by a decoder one place before them; of all where there is no count."""
    if count is None:
        return told_TV
    return (told_TV[:-1] if decodes else told_TV)[-count:]


def _logits_apart(p_TV: Tensor, q_TV: Tensor) -> dict[str, Tensor]:
    rows = zip(p_TV.split(LOGIT_ROWS), q_TV.split(LOGIT_ROWS))
    kl_T = torch.cat([kl_divergence(p, q) for p, q in rows])
    return {"kl": kl_T.double(), "agreement": (p_TV.argmax(-1) == q_TV.argmax(-1)).double()}


def _vectors_apart(p_TD: Tensor, q_TD: Tensor) -> dict[str, Tensor]:
    return {"cosine_distance": cosine_distance(p_TD, q_TD).double()}


def _performance(run: _Run, windows: ScoredText) -> Performance:
    return Performance(
        name=run.lm.name,
        score=perplexity_of(windows, [float(nll_T.sum()) for nll_T in run.nll]) if run.nll else None,
        num_params=run.lm.num_params,
        num_bytes=run.lm.num_bytes,
        tokens_per_second=windows.num_read / sum(run.seconds),
    )


def _window(before: LanguageModel, after: LanguageModel, window: int | None) -> int:
    context = min(before.config.context_length, after.config.context_length)
    if window is None:
        return min(usual_window(before.config), context)
    if window > context:
        raise ConfigError(explain("window", expected=f"at most {context} tokens", got=window))
    return window


def _check(before: LanguageModel, after: LanguageModel) -> None:
    for lm in (before, after):
        check_speaks(lm, "measuring")
        predicts = isinstance(lm.config.head, VocabularyHead) and lm.config.kind != "encoder_decoder"
        if not (predicts or gives_vectors(lm.model)):
            expected = "a decoder or an encoder that predicts tokens, or an encoder without a head"
            do = "see its answers with generate" if lm.config.kind == "encoder_decoder" else ""
            raise ConfigError(explain(f"measuring {lm.name}", expected=expected, got=_kind(lm), do=do))
    if _kind(before) != _kind(after):
        raise ConfigError(
            explain("measuring", expected="two models of one kind", got=f"{_kind(before)} and {_kind(after)}")
        )
    if before.tokenizer.fingerprint != after.tokenizer.fingerprint:
        got, do = f"those of {before.name} and {after.name}", "compare bits a byte with eigenlm perplexity"
        raise ConfigError(explain("measuring", expected="two models with one tokenizer", got=got, do=do))
    widths = [lm.config.d_model if lm.config.head is None else lm.config.vocab_size for lm in (before, after)]
    if widths[0] != widths[1]:
        what = "vectors of one width" if before.config.head is None else "logits of one vocabulary"
        raise ConfigError(explain("measuring", expected=f"two models with {what}", got=f"{widths[0]} and {widths[1]}"))


def _kind(lm: LanguageModel) -> str:
    """What a model is, in words."""
    if lm.config.head is None:
        return f"{lm.config.kind} without a head"
    return lm.config.kind if isinstance(lm.config.head, VocabularyHead) else f"{lm.config.kind} that tells classes"
