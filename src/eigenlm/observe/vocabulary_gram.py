"""What a change of the token vectors costs, as they are looked up and, where the head is tied to them, score."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.linalg.gram_sum import GramSum
from eigenlm.linalg.seeded import seeded
from eigenlm.model import Transformer
from eigenlm.model.embedding import TokenTable
from eigenlm.model.head import Head
from eigenlm.observe.drawn_gradients import backward_of_draws
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
    """Stream windows through a decoder or encoder.

    A score's change D_v . h moves the loss by the square of it times p_v (1 - p_v), to second order and without what
    tokens share; that and how often a token is looked up are both taken as p_v, the mean probability that the model
    gives it, or, of a model without a head, its share of the text.

    Args:
        model: of ours; it scores every token, or gives hidden vectors.
        windows: (B, T) rows of token ids.
        seed: of the random generator that draws gradients.
    """
    table = TokenTable.from_pretrained(model.embedding.token.dense().detach())
    expected, generator = torch.zeros(model.config.vocab_size), seeded(seed, windows.device)
    total = GramSum(table.in_features, windows.device)

    def felt(_: str, gradient: Tensor) -> None:
        total.add_(gradient.flatten(0, -2))

    def scored(_: str, logits: Tensor) -> None:
        nonlocal expected
        expected += logits.detach().flatten(0, -2).float().softmax(dim=-1).sum(0).cpu()

    def scores(_: str, hidden: Tensor, *__: object) -> None:
        assert isinstance(model.head, Head)
        if model.head.weight is None:
            total.add_(model.head.scale * model.head.before(hidden.detach()).flatten(0, -2))

    heads = {} if model.head is None else {"head": model.head}
    looked_up, at_heads = watch({"token": table}, gradients=felt), watch(heads, inputs=scores, outputs=scored)
    with quick_products(windows.device), replaced(model, {TABLE: table}), frozen(model), looked_up, at_heads:
        for window in track(windows, "measuring the vocabulary"):
            backward_of_draws(model, window[None], generator)
            if model.head is None:
                expected += torch.bincount(window.cpu(), minlength=len(expected))
    total.scale_(1 / windows.numel())
    share = expected / windows.numel()
    return VocabularyGram(total.full(), (1 - _EVERY) * share + _EVERY / len(share))
