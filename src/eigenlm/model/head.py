"""From vectors to logits."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.linear import DenseLinear
from eigenlm.model.config import TransformerConfig
from eigenlm.norms import build_norm


class Head(nn.Module):
    """logits = W h + b, where W is a matrix of its own or the embedding's."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        assert config.head is not None
        self.transform = DenseLinear(config.d_model, config.d_model) if config.head.transform else None
        self.transform_norm = build_norm(config.norm, config.d_model) if config.head.transform else None
        self.weight = None if config.head.tied else nn.Parameter(torch.empty(config.vocab_size, config.d_model))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size)) if config.head.bias else None
        if self.weight is not None:
            nn.init.normal_(self.weight, std=0.02)

    def forward(self, hidden: Float[Tensor, "B T D"], embedding: Float[Tensor, "V D"]) -> Float[Tensor, "B T V"]:
        """Logits of each place; `embedding` serves when the head is tied."""
        weight, bias = self.matrix(embedding)
        bias = None if bias is None else bias.to(hidden.dtype)
        return F.linear(self.before(hidden), weight.to(hidden.dtype), bias)

    def matrix(self, embedding: Float[Tensor, "V D"]) -> tuple[Float[Tensor, "V D"], Float[Tensor, " V"] | None]:
        """W and b; `embedding` is W when the head is tied."""
        return (embedding if self.weight is None else self.weight), self.bias

    def before(self, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """What the logits' matrix is applied to."""
        if self.transform is None or self.transform_norm is None:
            return hidden
        return self.transform_norm(F.gelu(self.transform(hidden)))
