"""What a model is asked: batches of tokens to its inputs and targets."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.model import Transformer
from eigenlm.model.head import Head
from eigenlm.text.batches import IGNORED, Batch
from eigenlm.text.corruption import denoising, masked
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.training.losses import CrossEntropyTerms, linear_cross_entropy
from eigenlm.training.recipe import DataRecipe


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a transformer is given, as the arguments of `Transformer.hidden`, and what it should answer.

    Attributes:
        ids: (B, T) tokens.
        targets: (B, T) the answer at each place, -100 for none.
        positions: (B, T), -1 for padding; None for 0, 1, 2, ...
        documents: (B, T) which document each token is of, where others are hidden; None where all is seen.
        source: (B, S) an encoder-decoder's input.
        source_positions: (B, S), -1 for padding.
    """

    ids: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    positions: Int[Tensor, "B T"] | None = None
    documents: Int[Tensor, "B T"] | None = None
    source: Int[Tensor, "B S"] | None = None
    source_positions: Int[Tensor, "B S"] | None = None

    @property
    def num_targets(self) -> int:
        """Places with an answer."""
        return int((self.targets != IGNORED).sum())

    def to(self, device: torch.device) -> "Question":
        """The same on a device."""
        moved: dict[str, Any] = {name: x if x is None else x.to(device) for name, x in vars(self).items()}
        return Question(**moved)


def ask(batch: Batch, tokenizer: Tokenizer, recipe: DataRecipe, seed: int) -> Question:
    """The question that an objective makes of a batch; what it hides depends on the seed and the samples alone."""
    if recipe.objective == "denoising":
        spans = denoising(batch, tokenizer, seed=seed, fraction=recipe.masked_fraction)
        return Question(**vars(spans))
    if recipe.objective == "masked":
        batch = masked(batch, tokenizer, seed=seed, fraction=recipe.masked_fraction)
    if recipe.documents == "separate":
        return Question(ids=batch.ids, targets=batch.targets, positions=batch.positions, documents=batch.documents)
    real_BT = batch.positions >= 0
    if recipe.objective == "next_token" or bool(real_BT.all()):
        # Padding ends a row: with causal attention nothing real looks at it.
        return Question(ids=batch.ids, targets=batch.targets)
    positions_BT = torch.arange(batch.ids.shape[1]).expand_as(batch.ids).masked_fill(~real_BT, -1)
    return Question(ids=batch.ids, targets=batch.targets, positions=positions_BT)


class Learner(nn.Module):
    """A transformer and its loss as one module, which is what ranks share and gradients go through."""

    def __init__(self, model: Transformer, kind: CrossEntropyTerms) -> None:
        super().__init__()
        self.model, self.kind = model, kind

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"],
        positions: Int[Tensor, "B T"] | None = None,
        documents: Int[Tensor, "B T"] | None = None,
        source: Int[Tensor, "B S"] | None = None,
        source_positions: Int[Tensor, "B S"] | None = None,
        *,
        plain: bool = False,
    ) -> Tensor:
        """The summed loss of a `Question`, in nats; `plain` leaves out smoothing and z-loss."""
        memory = None if source is None else self.model.encode(source, source_positions)
        hidden_BTD = self.model.hidden(ids, positions=positions, documents=documents, source=memory)
        head = self.model.head
        assert isinstance(head, Head)
        weight, bias = head.matrix(self.model.embedding.token.dense())
        before_BTD = head.before(hidden_BTD)
        if head.scale != 1.0:
            before_BTD, bias = before_BTD * head.scale, None if bias is None else bias * head.scale
        kind = None if plain else self.kind
        return linear_cross_entropy(before_BTD, weight, targets, bias, kind=kind, softcap=head.softcap)
