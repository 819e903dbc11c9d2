"""What a transformer is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from eigenlm.attention import AttentionConfig, RotaryConfig, SoftmaxConfig
from eigenlm.errors import ConfigError, explain
from eigenlm.model.feed_forward import FeedForwardConfig
from eigenlm.model.head_config import HeadConfig, VocabularyHead
from eigenlm.model.layer import LayerConfig
from eigenlm.model.positions import PositionConfig
from eigenlm.norms import NormConfig
from eigenlm.shown import Shown


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """How token ids become vectors.

    Attributes:
        scale: of the token vectors (arXiv:1706.03762, section 3.4: sqrt(d_model)).
        width: of the token vectors, where a matrix takes them to d_model (ELECTRA); None for d_model itself.
        num_token_types: segment vectors added to each token (BERT: 2); 0 for none.
        norm: whether the sum is normed before the first block (BERT).
        apart: whether the stacks of an encoder-decoder share the token vectors alone, each with positions and norm of
            its own (BART).
    """

    scale: float = 1.0
    width: int | None = None
    num_token_types: int = 0
    norm: bool = False
    apart: bool = False


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(Shown):
    """A decoder (GPT-2, Llama), an encoder (BERT) or an encoder-decoder (the Transformer of 2017).

    Attributes:
        kind: which of the three.
        vocab_size: V.
        context_length: the most tokens in one text.
        d_model: D, width of the residual stream.
        num_layers: N blocks (of the decoder, if there are two stacks).
        pattern: what they are made of, repeated in order until there are N.
        num_encoder_layers: blocks of the encoder of an encoder-decoder.
        encoder_pattern: what those are made of.
        norm: of the last hidden vector, and of the embedding and the head where they have one.
        final_norm: whether the last hidden vector is normed.
        positions: what is added to the embedding for a token's place.
        head: None gives hidden vectors instead of logits.
        pooler: BERT's tanh layer on the first token.
        dropout: probability at the embedding and at each residual branch, in training only.
    """

    kind: Literal["decoder", "encoder", "encoder_decoder"] = "decoder"
    vocab_size: int
    context_length: int
    d_model: int
    num_layers: int
    pattern: tuple[LayerConfig, ...]
    num_encoder_layers: int = 0
    encoder_pattern: tuple[LayerConfig, ...] = ()
    norm: NormConfig = field(default_factory=NormConfig)
    final_norm: bool = True
    positions: PositionConfig = field(default_factory=PositionConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    head: HeadConfig | None = field(default_factory=VocabularyHead)
    pooler: bool = False
    dropout: float = 0.0

    @property
    def layers(self) -> tuple[LayerConfig, ...]:
        """What each of the N blocks is made of."""
        return tuple(self.pattern[i % len(self.pattern)] for i in range(self.num_layers))

    @property
    def encoder_layers(self) -> tuple[LayerConfig, ...]:
        """What each block of the encoder of an encoder-decoder is made of."""
        return tuple(self.encoder_pattern[i % len(self.encoder_pattern)] for i in range(self.num_encoder_layers))

    @classmethod
    def uniform(
        cls,
        *,
        attention: AttentionConfig,
        feed_forward: FeedForwardConfig,
        norm: NormConfig | None = None,
        norm_position: Literal["pre", "post", "output", "sandwich"] = "pre",
        rotary: RotaryConfig | None = None,
        **others: Any,
    ) -> "TransformerConfig":
        """A transformer of equal layers.

        Args:
            attention: of each layer; the decoder of an encoder-decoder attends to the encoder in the same form.
            feed_forward: of each layer.
            norm: of each layer and of the last hidden vector.
            norm_position: of each layer.
            rotary: turns queries and keys of each layer; then nothing is added to the embedding.
            others: fields of the config.
        """
        norm = NormConfig() if norm is None else norm
        if rotary is not None:
            assert isinstance(attention, SoftmaxConfig)
            attention = replace(attention, rotary=rotary)
            others = {"positions": PositionConfig(kind="none"), **others}
        layer = LayerConfig(attention=attention, feed_forward=feed_forward, norm=norm, norm_position=norm_position)
        if others.get("kind") == "encoder_decoder":
            assert isinstance(attention, SoftmaxConfig)
            others = {"encoder_pattern": (layer,), **others}
            layer = replace(layer, cross_attention=replace(attention, rotary=None))
        return cls(pattern=(layer,), norm=norm, **others)

    def with_layers(self, change: Callable[[LayerConfig], LayerConfig]) -> "TransformerConfig":
        """The same with each layer changed."""
        return replace(
            self,
            pattern=tuple(map(change, self.pattern)),
            encoder_pattern=tuple(map(change, self.encoder_pattern)),
        )

    def __post_init__(self) -> None:
        """Refuse sizes that make no transformer."""
        for name in ("vocab_size", "context_length", "d_model", "num_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(explain(name, expected="at least 1", got=getattr(self, name)))
        if not self.pattern:
            raise ConfigError(explain("pattern", expected="at least one layer", got="none"))
        two = self.kind == "encoder_decoder"
        if two != (self.num_encoder_layers > 0) or two != bool(self.encoder_pattern):
            expected, got = "encoder layers iff encoder_decoder", self.num_encoder_layers
            raise ConfigError(explain(f"kind {self.kind!r}", expected=expected, got=got))
        if any((layer.cross_attention is not None) != two for layer in self.pattern):
            expected = "cross-attention in each layer of the decoder iff encoder_decoder"
            raise ConfigError(explain(f"kind {self.kind!r}", expected=expected, got="another"))
        if self.embedding.apart and (not two or self.embedding.width is not None):
            expected = "an encoder_decoder whose token vectors are of width d_model"
            raise ConfigError(explain("embedding.apart", expected=expected, got="another"))
        if self.embedding.num_token_types < 0:
            raise ConfigError(explain("num_token_types", expected="at least 0", got=self.embedding.num_token_types))
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(explain("dropout", expected="a probability in [0, 1)", got=self.dropout))


def shortest_pattern(layers: Sequence[LayerConfig]) -> tuple[LayerConfig, ...]:
    """The shortest pattern that, repeated, gives the layers."""
    for length in range(1, len(layers) + 1):
        if all(layer == layers[i % length] for i, layer in enumerate(layers)):
            return tuple(layers[:length])
    return tuple(layers)
