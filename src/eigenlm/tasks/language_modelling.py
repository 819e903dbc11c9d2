"""How well a model expects a text: negative log-likelihood, perplexity, bits per byte."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.engine.room import LOGIT_ROWS, check_scoring, vector_codes
from eigenlm.engine.sampling import BEYOND_FLOATS
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.language_model import LanguageModel, check_speaks
from eigenlm.linalg.paired import paired_mean
from eigenlm.progress import track
from eigenlm.shown import Shown
from eigenlm.tasks.scored_text import ScoredText
from eigenlm.text.reading import Text


@dataclass(frozen=True, kw_only=True)
class Perplexity(Shown):
    """What a model makes of a text.

    Attributes:
        nll: mean negative log-likelihood, nats per scored token.
        tokens: how many tokens were scored.
        num_bytes: UTF-8 bytes of the text that was scored: all of it but the tokens without a context.
        window: tokens in a window.
        stride: tokens from one window's start to the next.
        window_nll: nats summed over each window's scored tokens.
        window_tokens: scored tokens of each window.
    """

    nll: float
    tokens: int
    num_bytes: int
    window: int
    stride: int
    window_nll: tuple[float, ...]
    window_tokens: tuple[int, ...]

    @property
    def perplexity(self) -> float:
        """exp(nll), per token."""
        return math.exp(min(self.nll, 700.0))

    @property
    def bits_per_byte(self) -> float:
        """nll in bits, spread over the text's bytes, so that tokenizers compare."""
        return self.nll * self.tokens / math.log(2) / self.num_bytes


@torch.inference_mode()
def perplexity(
    lm: LanguageModel,
    text: Text,
    *,
    window: int | None = None,
    stride: int | None = None,
    control: bool = False,
) -> Perplexity:
    """Score a text by windows; no token is added, and a token without any context is not scored.

    With `stride` equal to `window` (the default) the first token of each window is left out. With a smaller stride,
    windows overlap and each token is scored once, with the longest context it gets.

    A model whose `cache` is of few bits scores what it says with keys and values that went through it.

    Args:
        lm: a decoder with its tokenizer.
        text: the text; the path of a file or folder, which is read piece by piece; or documents, read as one text with
            blank lines between.
        window: tokens a window holds; 1,024 or the model's context if that is shorter.
        stride: tokens from one window to the next; the window's length.
        control: control tokens that the text spells are control tokens.

    Raises:
        DataError: fewer than two tokens, or logits that are not finite.
        ConfigError: a window or stride that does not fit, too little memory, or a model that is no decoder.
    """
    check_speaks(lm, "perplexity")
    window = min(1024, lm.config.context_length) if window is None else window
    stride = window if stride is None else stride
    _check(lm, window)
    check_scoring(lm.model, lm.config, window)
    windows = ScoredText(text, lm.tokenizer, window, stride, control=control)
    model, sums, codes = lm.runner.current(), [], vector_codes(lm.cache, lm.config)
    for scored in track(windows, "perplexity", windows.expected):
        ids_T, state = torch.tensor(scored.ids, device=lm.device), None
        if lm.cache != "float":
            state = model.new_state(len(ids_T))
            state.keep(codes)
        sums.append(float(token_nll(model(ids_T[None], state=state)[0], ids_T)[-scored.num_scored :].double().sum()))
    return perplexity_of(windows, sums)


def perplexity_of(windows: ScoredText, sums: Sequence[float]) -> Perplexity:
    """What windows come to, with the nats summed over the scored tokens of each.

    Raises:
        DataError: a sum is NaN or infinite.
    """
    if not math.isfinite(sum(sums)):
        raise DataError(explain("scoring a text", expected="finite logits", got="NaN or infinity", do=BEYOND_FLOATS))
    return Perplexity(
        nll=sum(sums) / sum(windows.counts),
        tokens=sum(windows.counts),
        num_bytes=windows.num_bytes,
        window=windows.window,
        stride=windows.stride,
        window_nll=tuple(sums),
        window_tokens=tuple(windows.counts),
    )


def nll_increase(before: Perplexity, after: Perplexity) -> Estimate:
    """How much worse `after` expects a text than `before`, nats per token, by paired windows.

    Raises:
        DataError: the two were not measured on the same windows.
    """
    if before.window_tokens != after.window_tokens or (before.window, before.stride) != (after.window, after.stride):
        raise DataError(
            explain("nll increase", expected="one text in the same windows", got="two different measurements")
        )
    before_W, after_W = (torch.tensor(each.window_nll, dtype=torch.float64) for each in (before, after))
    return paired_mean(after_W - before_W, torch.tensor(before.window_tokens).double())


def token_nll(logits_TV: Float[Tensor, "T V"], ids_T: Int[Tensor, " T"]) -> Float[Tensor, " T1"]:
    """-ln p of each token but the first, given those before it."""
    rows = zip(logits_TV[:-1].split(LOGIT_ROWS), ids_T[1:].split(LOGIT_ROWS))
    return torch.cat([F.cross_entropy(some.float(), ids, reduction="none") for some, ids in rows])


def _check(lm: LanguageModel, window: int) -> None:
    if lm.config.kind != "decoder" or lm.config.head is None:
        do = "see its answers with generate" if lm.config.kind == "encoder_decoder" else ""
        raise ConfigError(explain("perplexity", expected="a decoder with a head", got=f"an {lm.config.kind}", do=do))
    if window > lm.config.context_length:
        raise ConfigError(explain("window", expected=f"at most {lm.config.context_length} tokens", got=window))
