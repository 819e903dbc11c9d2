"""One sentence on its way through a model, as the matrices it becomes."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.attention import Place, SelfAttention, attention_weights
from eigenlm.language_model import LanguageModel
from eigenlm.observe import watch


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What a sentence of T tokens becomes.

    Attributes:
        tokens: its pieces.
        ids: their numbers in the vocabulary.
        embedding: the vector of each.
        layer: whose attention is shown, counted from 0.
        head: which of its heads.
        query: of every head of that layer.
        key: of every key/value head.
        value: of every key/value head.
        weights: how much each token takes from each, in that head; rows sum to 1.
        logits: of the token that comes next.
    """

    tokens: tuple[str, ...]
    ids: Int[Tensor, " T"]
    embedding: Float[Tensor, "T D"]
    layer: int
    head: int
    query: Float[Tensor, "T H K"]
    key: Float[Tensor, "T G K"]
    value: Float[Tensor, "T G K"]
    weights: Float[Tensor, "T S"]
    logits: Float[Tensor, " V"]

    def likeliest(self, count: int) -> list[tuple[int, float]]:
        """The ids most probable to come next, and softmax(logits) of each."""
        top = self.logits.softmax(dim=-1).topk(count)
        return list(zip(top.indices.tolist(), top.values.tolist()))


@torch.inference_mode()
def look_inside(lm: LanguageModel, sentence: str) -> Inside:
    """Run a decoder on a sentence and keep what one head sees: of all heads the one that best continues repetitions.

    Such a head looks from a token to what followed the same token before: an induction head (arXiv:2209.11895). It is
    the one with the most weight on places j <= t with token(j - 1) = token(t).
    """
    ids = lm.tokenizer.encode(sentence, add_markers=True)
    inputs: dict[str, tuple[Any, ...]] = {}
    parts: dict[str, Any] = {str(layer): block.attention for layer, block in enumerate(lm.model.blocks)}
    with watch(parts, inputs=lambda layer, *given: inputs.update({layer: given})):
        logits_BTV = lm.model(torch.tensor([ids], device=lm.device))
    heads = [_heads(attention, *inputs[layer]) for layer, attention in parts.items()]
    weights_NHTS = torch.stack([weights_HTS for *_, weights_HTS in heads])
    followed_TS = (torch.tensor(ids)[:, None] == torch.tensor([-1, *ids[:-1]])).tril().to(weights_NHTS.device)
    score_NH = (weights_NHTS * followed_TS).sum(dim=(-2, -1))
    layer, head = divmod(int(score_NH.argmax()), score_NH.shape[1])
    query, key, value, weights_HTS = heads[layer]
    return Inside(
        tokens=tuple(lm.tokenizer.decode([i], control=True) for i in ids),
        ids=torch.tensor(ids),
        embedding=lm.model.embedding.token.rows(torch.tensor(ids, device=lm.device)).float(),
        layer=layer,
        head=head,
        query=query,
        key=key,
        value=value,
        weights=weights_HTS[head],
        logits=logits_BTV[0, -1].float(),
    )


def _heads(attention: SelfAttention, x_BTD: Tensor, place: Place, *_: Any) -> tuple[Tensor, ...]:
    """Queries, keys, values and weights of one layer, as float32."""
    q_BTHK, k_BTGK, v_BTGK = (part.float() for part in attention.project(x_BTD, place))
    weights_BHTS = attention_weights(q_BTHK, k_BTGK, place.visible(attention.window), attention.softmax.scores)
    return q_BTHK[0], k_BTGK[0], v_BTGK[0], weights_BHTS[0]
