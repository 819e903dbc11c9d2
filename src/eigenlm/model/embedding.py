"""From token ids to vectors."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.linear import DenseLinear
from eigenlm.model.config import TransformerConfig
from eigenlm.model.positions import sinusoidal_positions
from eigenlm.norms import build_norm


class Embedding(nn.Module):
    """token vector (+ position vector) (+ segment vector), normed where the model does so."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.position_config, e = config.positions, config.embedding
        self.scale, self.dropout = e.scale, config.dropout
        width = e.width or config.d_model
        self.token = nn.Embedding(config.vocab_size, width)
        rows = config.context_length + config.positions.offset
        self.position = nn.Embedding(rows, width) if config.positions.kind == "learned" else None
        self.token_type = nn.Embedding(e.num_token_types, width) if e.num_token_types else None
        self.norm = build_norm(config.norm, width) if e.norm else None
        self.project = DenseLinear(width, config.d_model) if e.width is not None else None

    def forward(
        self, ids: Int[Tensor, "B T"], positions: Int[Tensor, "B T"], token_types: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """Vectors of the tokens; padding (position -1) gets the vector of position 0, which nothing real sees."""
        x_BTD = self.token(ids) * self.scale
        if self.position is not None:
            x_BTD = x_BTD + self.position(positions.clamp(min=0) + self.position_config.offset)
        elif self.position_config.kind == "sinusoidal":
            table_BTD = sinusoidal_positions(positions.clamp(min=0), x_BTD.shape[-1], self.position_config.base)
            x_BTD = x_BTD + table_BTD.to(x_BTD.dtype)
        if self.token_type is not None:
            x_BTD = x_BTD + self.token_type(ids.new_zeros(ids.shape) if token_types is None else token_types)
        if self.norm is not None:
            x_BTD = self.norm(x_BTD)
        x_BTD = F.dropout(x_BTD, self.dropout) if self.training and self.dropout else x_BTD
        return x_BTD if self.project is None else self.project(x_BTD)
