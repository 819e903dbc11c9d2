"""The transformer: token ids -> embedding -> blocks -> norm -> logits."""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.attention import Attention, DecodingState, Memory, MultiHeadAttention, Place, Visibility
from eigenlm.errors import ShapeError, explain
from eigenlm.linear import DenseLinear
from eigenlm.model.block import Block, build_block
from eigenlm.model.config import TransformerConfig
from eigenlm.model.embedding import Embedding, EncoderEmbedding
from eigenlm.model.feed_forward import FeedForward, GatedFeedForward
from eigenlm.model.head import Classifier, Head, first_token, mean_token
from eigenlm.model.head_config import ClassifierHead, VocabularyHead
from eigenlm.model.layer import LayerConfig
from eigenlm.norms import build_norm


class Transformer(nn.Module):
    """A decoder, an encoder or an encoder-decoder, as its config says.

    >>> from eigenlm.model import DenseFeedForward, SoftmaxConfig
    >>> config = TransformerConfig.uniform(
    ...     vocab_size=50, context_length=16, d_model=8, num_layers=2,
    ...     attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=4),
    ...     feed_forward=DenseFeedForward(d_ff=16, activation="silu", gated=True))
    >>> Transformer(config)(torch.tensor([[3, 1, 4]])).shape
    torch.Size([1, 3, 50])

    Attributes:
        config: what it is made of.
        activation_dtype: precision of everything between the embedding and the logits; None for that of the weights.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.activation_dtype: torch.dtype | None = None
        self.embedding = Embedding(config)
        if config.kind == "encoder_decoder":
            self.encoder_embedding = EncoderEmbedding(config) if config.embedding.apart else None
            self.encoder = _stack(config.encoder_layers, config)
            self.encoder_norm = build_norm(config.norm, config.d_model) if config.final_norm else None
        self.blocks = _stack(config.layers, config)
        self.norm = build_norm(config.norm, config.d_model) if config.final_norm else None
        self.head = _head(config)
        self.pooler = DenseLinear(config.d_model, config.d_model) if config.pooler else None
        self.apply(_initialise)
        _calm_residuals_(self)

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        *,
        positions: Int[Tensor, "B T"] | None = None,
        token_types: Int[Tensor, "B T"] | None = None,
        state: DecodingState | None = None,
        source: Memory | Int[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B *tokens V"]:
        """Logits of the next token (decoder), of each token (encoder) or of labels; hidden vectors if there is no head.

        Args:
            ids: (B, T) token ids.
            positions: (B, T) places in the text, -1 for padding; by default 0, 1, 2, ... after what `state` holds.
            token_types: (B, T) segments, for BERT.
            state: what earlier tokens left; new tokens are added to it.
            source: an encoder-decoder's input: (B, S) ids, or what `encode` gave.

        Raises:
            ShapeError: a token outside the vocabulary, a text longer than the context, or a source missing or too many.
        """
        hidden_BTD = self.hidden(ids, positions=positions, token_types=token_types, state=state, source=source)
        return self.logits(hidden_BTD, positions)

    def hidden(
        self,
        ids: Int[Tensor, "B T"],
        *,
        positions: Int[Tensor, "B T"] | None = None,
        token_types: Int[Tensor, "B T"] | None = None,
        state: DecodingState | None = None,
        source: Memory | Int[Tensor, "B S"] | None = None,
        documents: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """The last hidden vectors, before the head; arguments as in `forward`, and `documents`.

        These say (B, T) which document each token is of: it then sees those of its own only. Positions have to begin
        anew with each document.

        Raises:
            ShapeError: a source for the encoder where there is none, or none where there is one.
        """
        if (source is None) == (self.config.kind == "encoder_decoder"):
            expected, got = ("a source for the encoder", "none") if source is None else ("no source", "one")
            raise ShapeError(explain(f"running a model of kind {self.config.kind}", expected=expected, got=got))
        memory = self.encode(source) if isinstance(source, Tensor) else source
        return self.run(ids, self.place(ids, positions, state, documents), state, memory, token_types)

    def run(
        self,
        ids: Int[Tensor, "B T"],
        place: Place,
        state: DecodingState | None = None,
        memory: Memory | None = None,
        token_types: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """The last hidden vectors of tokens that have been checked and placed; `hidden` does both."""
        x_BTD = self.embed(ids, place.positions, token_types)
        for i, block in enumerate(self.blocks):
            layer_state = state.layers[i] if state is not None else None
            memory_state = state.cross[i] if state is not None and memory is not None else None
            x_BTD = block(x_BTD, place, layer_state, memory, memory_state)
        return x_BTD if self.norm is None else self.norm(x_BTD)

    def embed(
        self, ids: Int[Tensor, "B T"], positions: Int[Tensor, "B T"], token_types: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """What the first block reads."""
        return self._activated(self.embedding(ids, positions, token_types))

    def logits(
        self, hidden: Float[Tensor, "B T D"], positions: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B *tokens V"]:
        """Logits of hidden vectors; the vectors themselves if there is no head. Positions as in `forward`."""
        if self.head is None:
            return hidden
        if isinstance(self.config.head, ClassifierHead):
            reads = {"every": lambda h, _: h, "first": first_token, "mean": mean_token, "pooled": self.pooled}
            return self.head(reads[self.config.head.reads](hidden, positions))
        return self.head(hidden, self.embedding.token)

    def encode(self, source: Int[Tensor, "B S"], positions: Int[Tensor, "B S"] | None = None) -> Memory:
        """What the decoder of an encoder-decoder looks at; positions as in `forward`, -1 for padding."""
        place = self.place(source, positions, causal=False)
        if self.encoder_embedding is None:
            x_BSD = self.embed(source, place.positions, None)
        else:
            x_BSD = self._activated(self.encoder_embedding(self.embedding.vectors(source), place.positions))
        for block in self.encoder:
            x_BSD = block(x_BSD, place)
        real_B1S = place.positions[:, None] >= 0
        seen = Visibility() if bool(real_B1S.all()) else Visibility(mask=real_B1S[:, None])
        kept = dataclasses.replace(place, rows=slice(0, len(source)), columns=slice(0, source.shape[1]))
        return Memory(x_BSD if self.encoder_norm is None else self.encoder_norm(x_BSD), seen, kept)

    def pooled(
        self, hidden: Float[Tensor, "B T D"], positions: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B D"]:
        """BERT's sentence vector, tanh(W h_0 + b); positions as in `forward`."""
        if self.pooler is None:
            raise ShapeError(explain("pooling", expected="a model with a pooler", got="one without"))
        return torch.tanh(self.pooler(first_token(hidden, positions)))

    def new_state(self, capacity: int = 256) -> DecodingState:
        """An empty state with room for `capacity` tokens; it grows when more come."""
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        two = self.config.kind == "encoder_decoder"
        cross = [block.cross_attention.new_state(capacity) for block in blocks] if two else []
        return DecodingState([block.attention.new_state(capacity) for block in blocks], cross)

    def place(
        self,
        ids: Int[Tensor, "B T"],
        positions: Int[Tensor, "B T"] | None = None,
        state: DecodingState | None = None,
        documents: Int[Tensor, "B T"] | None = None,
        *,
        causal: bool | None = None,
    ) -> Place:
        """Where tokens stand, checked; arguments as in `hidden`, `causal` by the model's kind."""
        B, T = ids.shape
        causal = self.config.kind != "encoder" if causal is None else causal
        if bool((ids < 0).any()) or bool((ids >= self.config.vocab_size).any()):
            worst = int(ids.flatten()[ids.flatten().sub(self.config.vocab_size // 2).abs().argmax()])
            raise ShapeError(explain("token ids", expected=f"0 to {self.config.vocab_size - 1}", got=worst))
        if positions is not None:
            self._check_length(int(positions.max()) + 1)
        if state is not None and positions is None:
            self._check_length(state.length + T)
            return state.follow(B, T, ids.device, causal=causal)
        if state is not None and positions is not None:
            return state.take(positions, causal=causal)
        first = torch.arange(T, device=ids.device).expand(B, T)
        if positions is None or (documents is None and torch.equal(positions, first)):
            self._check_length(T)
            return Place(first, causal=causal, documents=documents, num_keys=T)
        return Place(positions, causal=causal, documents=documents, key_positions=positions, num_keys=T)

    def _check_length(self, length: int) -> None:
        if length > self.config.context_length:
            do = "shorten the text or ask for fewer tokens"
            raise ShapeError(
                explain("text length", expected=f"at most {self.config.context_length} tokens", got=length, do=do)
            )

    def _activated(self, x_BTD: Tensor) -> Tensor:
        return x_BTD if self.activation_dtype is None else x_BTD.to(self.activation_dtype)


def _stack(layers: Sequence[LayerConfig], config: TransformerConfig) -> nn.ModuleList:
    """Blocks, whose relative bias, if they have one, is that of the first."""
    blocks = nn.ModuleList(build_block(layer, config.d_model, config.dropout) for layer in layers)
    cores = [block.attention.softmax for block in blocks if isinstance(block.attention, MultiHeadAttention)]
    biased = [core for core in cores if core.relative_bias is not None]
    for core in biased[1:]:
        core.share_bias(biased[0])
    return blocks


def _head(config: TransformerConfig) -> Head | Classifier | None:
    if isinstance(config.head, VocabularyHead):
        return Head(config, config.head)
    return Classifier(config, config.head) if isinstance(config.head, ClassifierHead) else None


def _initialise(module: nn.Module) -> None:
    """Normal weights of standard deviation 0.02 and zero biases, as in GPT-2."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _calm_residuals_(model: Transformer) -> None:
    """Divide what each part adds to a pre-norm stream by sqrt(their number), against growth with depth (GPT-2)."""
    if any(layer.norm_position != "pre" for layer in model.config.layers):
        return
    parts = [m for m in model.modules() if isinstance(m, (Attention, FeedForward, GatedFeedForward))]
    for part in parts:
        layer = part.output if isinstance(part, Attention) else part.down
        assert isinstance(layer.weight, Tensor)
        nn.init.normal_(layer.weight, std=0.02 / len(parts) ** 0.5)
