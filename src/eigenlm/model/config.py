"""What a transformer is made of."""

from dataclasses import dataclass, field
from typing import Literal

from eigenlm.errors import ConfigError, explain
from eigenlm.model.attention import AttentionConfig
from eigenlm.model.feed_forward import FeedForwardConfig
from eigenlm.model.positions import PositionConfig
from eigenlm.norms import NormConfig


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """How token ids become vectors.

    Attributes:
        scaled: multiply by sqrt(d_model) (arXiv:1706.03762, section 3.4).
        num_token_types: segment vectors added to each token (BERT: 2); 0 for none.
        norm: whether the sum is normed before the first block (BERT).
    """

    scaled: bool = False
    num_token_types: int = 0
    norm: bool = False


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """How vectors become logits over the vocabulary.

    Attributes:
        tied: the matrix is the embedding's.
        bias: whether logits have one.
        transform: gelu and norm of a square matrix before the logits (BERT's masked language modelling).
    """

    tied: bool = True
    bias: bool = False
    transform: bool = False


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """A decoder (GPT-2, Llama), an encoder (BERT) or an encoder-decoder (the Transformer of 2017).

    Attributes:
        kind: which of the three.
        vocab_size: V.
        context_length: the most tokens in one text.
        d_model: D, width of the residual stream.
        num_layers: N blocks (of the decoder, if there are two stacks).
        num_encoder_layers: blocks of the encoder of an encoder-decoder.
        norm_position: `pre` norms what enters a part, `post` the sum after it.
        final_norm: whether the last hidden vector is normed.
        head: None gives hidden vectors instead of logits.
        pooler: BERT's tanh layer on the first token.
        dropout: probability at the embedding and at each residual branch, in training only.
    """

    kind: Literal["decoder", "encoder", "encoder_decoder"] = "decoder"
    vocab_size: int
    context_length: int
    d_model: int
    num_layers: int
    num_encoder_layers: int = 0
    attention: AttentionConfig
    feed_forward: FeedForwardConfig
    norm: NormConfig = field(default_factory=NormConfig)
    norm_position: Literal["pre", "post"] = "pre"
    final_norm: bool = True
    positions: PositionConfig = field(default_factory=PositionConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    head: HeadConfig | None = field(default_factory=HeadConfig)
    pooler: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse sizes that make no transformer."""
        a = self.attention
        sizes = {
            "vocab_size": self.vocab_size,
            "context_length": self.context_length,
            "d_model": self.d_model,
            "num_layers": self.num_layers,
            "attention.num_heads": a.num_heads,
            "attention.num_kv_heads": a.num_kv_heads,
            "attention.head_dim": a.head_dim,
            "feed_forward.d_ff": self.feed_forward.d_ff,
        }
        for name, size in sizes.items():
            if size < 1:
                raise ConfigError(explain(name, expected="at least 1", got=size))
        if a.num_heads % a.num_kv_heads:
            got = f"{a.num_heads} heads and {a.num_kv_heads} key/value heads"
            raise ConfigError(explain("attention", expected="key/value heads that divide the heads", got=got))
        if self.positions.kind == "rotary" and a.head_dim % 2:
            raise ConfigError(explain("rotary positions", expected="an even head_dim", got=a.head_dim))
        factors = self.positions.frequency_factors
        if factors is not None and len(factors) != a.head_dim // 2:
            raise ConfigError(explain("frequency_factors", expected=f"{a.head_dim // 2} of them", got=len(factors)))
        if (self.kind == "encoder_decoder") != (self.num_encoder_layers > 0):
            raise ConfigError(
                explain(
                    f"kind {self.kind!r}", expected="encoder layers iff encoder_decoder", got=self.num_encoder_layers
                )
            )
        if a.window is not None and a.window < 1:
            raise ConfigError(explain("attention.window", expected="at least 1, or None for all keys", got=a.window))
        if not 0.0 <= self.norm.eps < 1.0:
            raise ConfigError(explain("norm.eps", expected="a small number, at least 0", got=self.norm.eps))
        if self.embedding.num_token_types < 0:
            raise ConfigError(explain("num_token_types", expected="at least 0", got=self.embedding.num_token_types))
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(explain("dropout", expected="a probability in [0, 1)", got=self.dropout))
