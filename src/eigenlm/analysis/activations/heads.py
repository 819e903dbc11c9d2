"""Attention heads: where each looks as text passes, how sharply, and what kind that makes it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.attention import Scores, Visibility, attention_weights
from eigenlm.attention.scores import PLAIN

_LOCAL = 4
_THRESHOLDS = {"induction": 0.4, "previous token": 0.4, "next token": 0.4, "self": 0.4, "local": 0.5, "sink": 0.3}
_BROAD = 0.5


@dataclass(frozen=True, kw_only=True)
class AttentionHead:
    """Where one head looks: means over the queries of all windows but the first of each, which may see itself only.

    Attributes:
        layer: index of its block, from 0.
        head: index of the query head in its layer, from 0.
        kv_head: the key/value head that it reads.
        entropy: entropy of its attention over the keys, in nats.
        relative_entropy: entropy over ln(number of keys that the query sees): 0 for one key, 1 for all alike.
        first_token: attention on the first token of the window.
        previous_token: attention on the token before.
        self_token: attention of a token on itself.
        local: attention of a token on itself and the four before it.
        next_token: attention on the token after; None where the future is hidden.
        induction: attention, in the second copy of random tokens, on the token after the same token in the first copy
            (arXiv:2209.11895, "prefix matching"); None for encoders.
        kind: `induction`, `previous token`, `next token`, `self`, `local`, `sink`, `broad` or `mixed`, see `head_kind`.
    """

    layer: int
    head: int
    kv_head: int
    entropy: float
    relative_entropy: float
    first_token: float
    previous_token: float
    self_token: float
    local: float
    next_token: float | None
    induction: float | None
    kind: str


class AttentionSums:
    """Sums over the attention of every head, a pass of windows at a time; `see` is for `observe.watch_attention`.

    Args:
        causal: whether no token sees the next.
    """

    def __init__(self, *, causal: bool) -> None:
        self._causal = causal
        self._sums: dict[int, Float[Tensor, "7 H"]] = {}
        self._passes: dict[int, int] = {}
        self._sharing: dict[int, int] = {}

    def see(
        self,
        layer: int,
        query: Float[Tensor, "B T H K"],
        key: Float[Tensor, "B S G K"],
        visible: Visibility,
        scores: Scores = PLAIN,
    ) -> None:
        """Add a pass; memory is that of the attention of the heads that share one key/value head."""
        G = key.shape[2]
        with torch.autocast(query.device.type, enabled=False):
            share = query.shape[2] // G
            groups = zip(query.float().chunk(G, dim=2), key.float().chunk(G, dim=2))
            weights = (
                attention_weights(q, k, visible, scores.of_heads(slice(g * share, (g + 1) * share)))
                for g, (q, k) in enumerate(groups)
            )
            measured = torch.cat([_measured(weights_BHTS, visible) for weights_BHTS in weights], dim=1)
        self._sums[layer] = self._sums[layer] + measured if layer in self._sums else measured
        self._passes[layer] = self._passes.get(layer, 0) + 1
        self._sharing[layer] = query.shape[2] // G

    def not_finite(self) -> list[int]:
        """Layers whose attention holds NaN."""
        return [layer for layer, sums in self._sums.items() if not bool(sums.isfinite().all())]

    def rows(self, induction: Mapping[int, Float[Tensor, " H"]] | None) -> list[AttentionHead]:
        """A row for each head of the layers whose attention is finite, given what `induction_scores` measured."""
        bad = set(self.not_finite())
        return [
            self._row(layer, head, means, _finite(induction, layer, head))
            for layer, sums in self._sums.items()
            if layer not in bad
            for head, means in enumerate((sums / self._passes[layer]).mT.tolist())
        ]

    def _row(self, layer: int, head: int, means: list[float], induction: float | None) -> AttentionHead:
        entropy, relative_entropy, first, previous, own, local, following = means
        next_token = None if self._causal else following
        return AttentionHead(
            layer=layer,
            head=head,
            kv_head=head // self._sharing[layer],
            entropy=entropy,
            relative_entropy=relative_entropy,
            first_token=first,
            previous_token=previous,
            self_token=own,
            local=local,
            next_token=next_token,
            induction=induction,
            kind=head_kind(
                {
                    "induction": induction or 0.0,
                    "previous token": previous,
                    "next token": next_token or 0.0,
                    "self": own,
                    "local": local,
                    "sink": first,
                },
                relative_entropy,
            ),
        )


def _finite(induction: Mapping[int, Tensor] | None, layer: int, head: int) -> float | None:
    score = math.nan if induction is None else float(induction[layer][head])
    return score if math.isfinite(score) else None


def head_kind(attention: Mapping[str, float], relative_entropy: float) -> str:
    """What a head mostly does: the first of these to pass its threshold, by attention that its name goes with.

    `induction`, `previous token`, `next token`, `self`: at least 0.4; `local`: at least 0.5; `sink`, the first token:
    at least 0.3 (the threshold of arXiv:2410.10781); else `broad` from a relative entropy of 0.5, and
    `mixed` below. Many heads rest on the first token where they find nothing (arXiv:2309.17453), induction heads too,
    so what a head looks for is asked first. In windows of few tokens all keys are near: give 50 or more.

    >>> head_kind({"induction": 0.7, "sink": 0.8}, 0.2), head_kind({"sink": 0.1}, 0.8)
    ('induction', 'broad')
    """
    for kind, threshold in _THRESHOLDS.items():
        if attention.get(kind, 0.0) >= threshold:
            return kind
    return "broad" if relative_entropy >= _BROAD else "mixed"


def _measured(weights_BHTS: Tensor, visible: Visibility) -> Tensor:
    """Means over the queries after the first, a row for each measure and a column for each head: (7, H)."""
    T, S = weights_BHTS.shape[2:]
    entropy_BHT = torch.special.entr(weights_BHTS[:, :, 1:]).sum(-1)
    by_query = [
        entropy_BHT,
        entropy_BHT / _num_visible(visible, T, S, weights_BHTS.device)[..., 1:].clamp_min(2).log(),
        weights_BHTS[:, :, 1:, 0],
        weights_BHTS.diagonal(-1, dim1=2, dim2=3),  # begins at query 1
        weights_BHTS.diagonal(0, dim1=2, dim2=3)[..., 1:],
        (weights_BHTS.tril() - weights_BHTS.tril(-_LOCAL - 1)).sum(-1)[..., 1:],
        weights_BHTS.diagonal(1, dim1=2, dim2=3)[..., 1:],  # ends at the last query but one; none in a window of two
    ]
    return torch.stack([measure.mean((0, 2)) if measure.shape[2] else measure.sum((0, 2)) for measure in by_query])


def _num_visible(visible: Visibility, T: int, S: int, device: torch.device) -> Tensor:
    """Keys that each query sees, broadcastable to (B, H, T)."""
    return visible.dense(T, S, device).sum(-1)
