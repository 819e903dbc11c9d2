"""From vectors to logits."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.linear import DenseLinear, LinearMap
from eigenlm.model.activations import ACTIVATIONS
from eigenlm.model.config import TransformerConfig
from eigenlm.model.embedding import TokenTable
from eigenlm.model.head_config import ClassifierHead, VocabularyHead
from eigenlm.norms import build_norm

if TYPE_CHECKING:
    from collections.abc import Callable


class Head(nn.Module):
    """logits = W h + b over the vocabulary, where W is a matrix of its own or the embedding's."""

    def __init__(self, config: TransformerConfig, head: VocabularyHead) -> None:
        super().__init__()
        self.scale, self.softcap = head.scale, head.softcap
        width = config.embedding.width or config.d_model
        self.transform = None if head.transform is None else DenseLinear(config.d_model, width, head.transform_bias)
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[head.transform or "gelu"]
        self.transform_norm = None if head.transform is None else build_norm(config.norm, width)
        self.weight = None if head.tied else nn.Parameter(torch.empty(config.vocab_size, width))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size)) if head.bias else None
        if self.weight is not None:
            nn.init.normal_(self.weight, std=0.02)

    def forward(self, hidden: Float[Tensor, "B T D"], table: TokenTable | LinearMap) -> Float[Tensor, "B T V"]:
        """Logits of each place; the tokens' vectors serve when the head is tied."""
        weight, bias = self.matrix(table.dense() if self.weight is None else self.weight)
        bias = None if bias is None else bias.to(hidden.dtype)
        return self.after(F.linear(self.before(hidden), weight.to(hidden.dtype), bias))

    def matrix(self, embedding: Float[Tensor, "V E"]) -> tuple[Float[Tensor, "V E"], Float[Tensor, " V"] | None]:
        """W and b; `embedding` is W when the head is tied."""
        return (embedding if self.weight is None else self.weight), self.bias

    def before(self, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B T E"]:
        """What the logits' matrix is applied to."""
        if self.transform is None or self.transform_norm is None:
            return hidden
        return self.transform_norm(self.activation(self.transform(hidden)))

    def after(self, logits: Float[Tensor, "B T V"]) -> Float[Tensor, "B T V"]:
        """What becomes of W h + b."""
        logits = logits if self.scale == 1.0 else logits * self.scale
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)


class Classifier(nn.Module):
    """logits = W norm(act(V h + c)) + b over labels; a head may do without the norm, or without V as well."""

    def __init__(self, config: TransformerConfig, head: ClassifierHead) -> None:
        super().__init__()
        width = config.d_model
        self.transform = None if head.transform is None else DenseLinear(width, width, head.transform_bias)
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[head.transform or "gelu"]
        self.transform_norm = build_norm(config.norm, width) if head.transform_norm else nn.Identity()
        self.logits = DenseLinear(width, head.num_labels, head.bias)

    def forward(self, hidden: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch labels"]:
        """Logits of each vector."""
        if self.transform is not None:
            hidden = self.activation(self.transform(hidden))
        return self.logits(self.transform_norm(hidden))


def first_token(hidden: Float[Tensor, "B T D"], positions: Int[Tensor, "B T"] | None) -> Float[Tensor, "B D"]:
    """The vector at position 0 of each text."""
    if positions is None:
        return hidden[:, 0]
    return hidden[torch.arange(len(hidden), device=hidden.device), (positions == 0).int().argmax(dim=1)]


def mean_token(hidden: Float[Tensor, "B T D"], positions: Int[Tensor, "B T"] | None) -> Float[Tensor, "B D"]:
    """The mean of each text's vectors, padding left out."""
    if positions is None:
        return hidden.mean(dim=1)
    real_BT1 = (positions >= 0)[..., None]
    return (hidden * real_BT1).sum(dim=1) / real_BT1.sum(dim=1)
