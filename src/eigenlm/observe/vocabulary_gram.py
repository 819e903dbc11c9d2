"""What a change of the token vectors costs, as they are looked up and, where the head is tied to them, score."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.linalg.seeded import seeded
from eigenlm.model import Transformer
from eigenlm.model.embedding import TokenTable
from eigenlm.model.head_config import VocabularyHead
from eigenlm.observe.inputs import gram_of
from eigenlm.observe.linears import TABLE, replaced
from eigenlm.observe.predictions import quick_products
from eigenlm.observe.watch import frozen, watch
from eigenlm.progress import track

_EVERY = 0.1  # of the weight is shared by all tokens alike: what a text does not say, another may


@dataclass(frozen=True)
class VocabularyGram:
    """1/2 sum_v p_v D_v C D_v^T, nats per token, is what a change D of the token vectors costs to second order.

    Attributes:
        gram: C (D, D), of the gradients at the looked-up vectors, and of the last hidden vectors if they are scored
            with the same table.
        weights: p (V), the share of each token in what the model expects.
    """

    gram: Float[Tensor, "n n"]
    weights: Float[Tensor, " V"]

    def loss(self, change: Float[Tensor, "V n"]) -> float:
        """Nats per token."""
        D = change.double()
        return float(((D @ self.gram.double()) * D).sum(dim=1) @ self.weights.double() / 2)


def vocabulary_gram(model: Transformer, windows: Int[Tensor, "B T"], *, seed: int = 0) -> VocabularyGram:
    """Stream windows through a decoder or encoder whose head scores every token.

    A score's change D_v . h moves the loss by the square of it times p_v (1 - p_v), to second order and without what
    tokens share; that and how often a token is looked up are both taken as p_v, the mean probability that the model
    gives it.

    Args:
        model: of ours, with a head over the vocabulary.
        windows: (B, T) rows of token ids.
        seed: of the random generator that samples labels.
    """
    looked_up, hidden = [torch.zeros(())], [torch.zeros(())]
    table = TokenTable.from_pretrained(model.embedding.token.dense().detach())
    expected, tokens, generator = torch.zeros(model.config.vocab_size), 0, seeded(seed, windows.device)

    def felt(_: str, gradient: Tensor) -> None:
        looked_up[0] = looked_up[0] + gram_of(gradient.flatten(0, -2))

    watched = watch({"token": table}, gradients=felt)
    with quick_products(windows.device), replaced(model, {TABLE: table}), frozen(model), watched:
        for window in track(windows, "measuring the vocabulary"):
            with torch.enable_grad():
                last = model.hidden(window[None])
                logits_CV = model.logits(last).flatten(0, -2).float()
                told_CV = logits_CV.detach().softmax(dim=-1)
                labels = torch.multinomial(told_CV, 1, generator=generator)[:, 0]
                torch.nn.functional.cross_entropy(logits_CV, labels, reduction="sum").backward()
            hidden[0] = hidden[0] + gram_of(last.detach().flatten(0, -2))
            expected, tokens = expected + told_CV.sum(0).cpu(), tokens + len(window)
    head = model.config.head
    scores = head.scale**2 * hidden[0] if isinstance(head, VocabularyHead) and head.tied else 0
    share = expected / tokens
    return VocabularyGram((looked_up[0] + scores) / tokens, (1 - _EVERY) * share + _EVERY / len(share))
