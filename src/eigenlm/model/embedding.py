"""From token ids to vectors."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linear import DenseLinear, LinearMap
from eigenlm.linear.as_read import few_bits
from eigenlm.model.config import TransformerConfig
from eigenlm.model.positions import PositionConfig, sinusoidal_positions
from eigenlm.norms import build_norm


class TokenTable(nn.Embedding):
    """The vectors of tokens, under the part of the contract of linear maps by which any of them may take its place."""

    bias = None

    @property
    def in_features(self) -> int:
        """Width of a vector."""
        return self.embedding_dim

    @property
    def out_features(self) -> int:
        """How many there are."""
        return self.num_embeddings

    def rows(self, ids: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch E"]:
        """The vectors of some tokens."""
        return self(ids)

    def dense(self) -> Float[Tensor, "V E"]:
        """All of them."""
        return self.weight

    def coded(self) -> CodedMatrix | None:
        """The few bits that they were read from, where they are found again to the last bit."""
        return few_bits(self.weight)


class Embedding(nn.Module):
    """token vector (+ position vector) (+ segment vector), normed where the model does so.

    Attributes:
        token: a table, or a linear map (V, E) of any kind in its place.
    """

    token: TokenTable | LinearMap

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.position_config, e = config.positions, config.embedding
        self.scale, self.dropout = e.scale, config.dropout
        width = e.width or config.d_model
        self.token = TokenTable(config.vocab_size, width)
        self.position = _position_table(config)
        self.token_type = nn.Embedding(e.num_token_types, width) if e.num_token_types else None
        self.norm = build_norm(config.norm, width) if e.norm else None
        self.project = DenseLinear(width, config.d_model) if e.width is not None else None

    def forward(
        self, ids: Int[Tensor, "B T"], positions: Int[Tensor, "B T"], token_types: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """Vectors of the tokens; padding (position -1) gets the vector of position 0, which nothing real sees."""
        x_BTD = _placed(self.vectors(ids), positions, self.position_config, self.position)
        if self.token_type is not None:
            x_BTD = x_BTD + self.token_type(ids.new_zeros(ids.shape) if token_types is None else token_types)
        if self.norm is not None:
            x_BTD = self.norm(x_BTD)
        x_BTD = F.dropout(x_BTD, self.dropout) if self.training and self.dropout else x_BTD
        return x_BTD if self.project is None else self.project(x_BTD)

    def vectors(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T E"]:
        """Vectors of the tokens alone."""
        return self.token.rows(ids) * self.scale


class EncoderEmbedding(nn.Module):
    """An encoder's own position vectors and norm, around the token vectors it shares with its decoder."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.position_config, self.dropout = config.positions, config.dropout
        self.position = _position_table(config)
        self.norm = build_norm(config.norm, config.d_model) if config.embedding.norm else None

    def forward(self, vectors: Float[Tensor, "B S D"], positions: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """From vectors of the tokens, as `Embedding.vectors` gives them."""
        x_BSD = _placed(vectors, positions, self.position_config, self.position)
        x_BSD = x_BSD if self.norm is None else self.norm(x_BSD)
        return F.dropout(x_BSD, self.dropout) if self.training and self.dropout else x_BSD


def _position_table(config: TransformerConfig) -> nn.Embedding | None:
    rows, width = config.context_length + config.positions.offset, config.embedding.width or config.d_model
    return nn.Embedding(rows, width) if config.positions.kind == "learned" else None


def _placed(x_BTD: Tensor, positions: Tensor, config: PositionConfig, table: nn.Embedding | None) -> Tensor:
    """Token vectors with those of their places."""
    positions = positions.clamp(min=0)
    if table is not None:
        return x_BTD + table(positions + config.offset)
    if config.kind == "none":
        return x_BTD
    waves_BTD = sinusoidal_positions(positions, x_BTD.shape[-1], config.base, interleaved=config.interleaved)
    return x_BTD + waves_BTD.to(x_BTD.dtype)
