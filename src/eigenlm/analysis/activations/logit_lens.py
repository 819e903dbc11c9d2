"""The logit lens: what a decoder would say if it stopped after each layer."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.model import Transformer
from eigenlm.observe.predictions import quick_products

# Logits of all layers for a few tokens at a time: 128 MB in float32.
_MOST_LOGITS = 1 << 25


@dataclass(frozen=True, kw_only=True)
class LogitLens:
    """The final norm and head, applied to the residual stream after one layer.

    Attributes:
        tokens: next tokens that were predicted.
        nll: mean of -ln p(next token), in nats.
        nll_error: its standard error over tokens; None for a single one.
        agreement: share of tokens for which the likeliest next token is the last layer's.
        kl: mean of KL(last layer's distribution || this layer's), in nats; 0 at the last layer.
    """

    tokens: int
    nll: float
    nll_error: float | None
    agreement: float
    kl: float


class LensSums:
    """Sums over tokens for all layers of a decoder.

    Source: nostalgebraist, "interpreting GPT: the logit lens" (2020); where it misleads, arXiv:2303.08112.
    """

    def __init__(self, model: Transformer) -> None:
        self._model = model
        self._parts: list[Float[Tensor, "4 L"]] = []
        self.num_tokens = 0

    def add(self, streams: Float[Tensor, "L C D"], targets: Int[Tensor, " C"]) -> None:
        """Add C tokens, given the stream after the embedding and after each block, and the tokens that follow."""
        at_once = max(1, _MOST_LOGITS // (len(streams) * self._model.config.vocab_size))
        for streams_LCD, targets_C in zip(streams.split(at_once, dim=1), targets.split(at_once)):
            with quick_products(targets.device):
                logits_LCV = self._logits(streams_LCD)
            self._parts.append(_measured(logits_LCV.float(), targets_C))
        self.num_tokens += len(targets)

    def readings(self) -> list[LogitLens]:
        """One for each layer, the embedding first."""
        C = self.num_tokens
        nll_L, squares_L, agreement_L, kl_L = torch.stack(self._parts).sum(0) / C
        error_L = ((squares_L - nll_L.square()).clamp_min(0) / max(C - 1, 1)).sqrt()
        return [
            LogitLens(tokens=C, nll=nll, nll_error=error if C > 1 else None, agreement=agreement, kl=max(kl, 0.0))
            for nll, error, agreement, kl in torch.stack([nll_L, error_L, agreement_L, kl_L], dim=1).tolist()
        ]

    def _logits(self, streams: Tensor) -> Tensor:
        norm = self._model.norm
        return self._model.logits(streams if norm is None else norm(streams))


def _measured(logits_LCV: Tensor, targets_C: Tensor) -> Tensor:
    """Sums over tokens of nll, its square, agreement and divergence, (4, L) in float64."""
    log_total_LC = logits_LCV.logsumexp(-1)
    nll_LC = log_total_LC - logits_LCV.gather(2, targets_C.expand(len(logits_LCV), -1)[..., None])[..., 0]
    best_LC = logits_LCV.argmax(-1)
    # KL(p || q) = sum_v p_v (ln p_v - ln q_v), and ln q_v = logit_v - ln(total): one product for all layers.
    final_CV = logits_LCV[-1].softmax(-1)
    expected_LC = torch.einsum("lcv,cv->lc", logits_LCV, final_CV) - log_total_LC
    measures = [nll_LC, nll_LC.square(), best_LC == best_LC[-1], expected_LC[-1] - expected_LC]
    return torch.stack([measure.double().sum(1) for measure in measures])
