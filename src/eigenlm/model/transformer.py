"""The transformer: token ids -> embedding -> blocks -> norm -> logits."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.attention import DecodingState, LayerState, Visibility, visibility
from eigenlm.errors import ShapeError, explain
from eigenlm.linear import DenseLinear
from eigenlm.model.attention import MultiHeadAttention
from eigenlm.model.block import Block, Memory
from eigenlm.model.config import TransformerConfig
from eigenlm.model.embedding import Embedding
from eigenlm.model.feed_forward import FeedForward
from eigenlm.model.head import Head
from eigenlm.model.positions import Rotation, rotation
from eigenlm.norms import build_norm


class Transformer(nn.Module):
    """A decoder, an encoder or an encoder-decoder, as its config says.

    >>> from eigenlm.model import AttentionConfig, FeedForwardConfig
    >>> config = TransformerConfig(
    ...     vocab_size=50, context_length=16, d_model=8, num_layers=2,
    ...     attention=AttentionConfig(num_heads=2, num_kv_heads=1, head_dim=4),
    ...     feed_forward=FeedForwardConfig(d_ff=16, activation="swiglu"))
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
            self.encoder = nn.ModuleList(Block(config) for _ in range(config.num_encoder_layers))
            self.encoder_norm = build_norm(config.norm, config.d_model) if config.final_norm else None
        self.blocks = nn.ModuleList(
            Block(config, attends_to_encoder=config.kind == "encoder_decoder") for _ in range(config.num_layers)
        )
        self.norm = build_norm(config.norm, config.d_model) if config.final_norm else None
        self.head = Head(config) if config.head is not None else None
        self.pooler = DenseLinear(config.d_model, config.d_model) if config.pooler else None
        self.apply(_initialise)
        if config.norm_position == "pre":
            _calm_residuals_(self)

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        *,
        positions: Int[Tensor, "B T"] | None = None,
        token_types: Int[Tensor, "B T"] | None = None,
        state: DecodingState | None = None,
        source: Memory | Int[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Logits of the next token (decoder) or of each token (encoder); hidden vectors if there is no head.

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
        return self.logits(hidden_BTD)

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
        """The last hidden vectors, before the head; arguments as in `forward`.

        Args:
            documents: (B, T) which document each token is of; it then sees those of its own only. Positions have to
                begin anew with each document.
        """
        if (source is None) == (self.config.kind == "encoder_decoder"):
            got = "none" if source is None else "one"
            raise ShapeError(
                explain(f"running a {self.config.kind}", expected="a source iff it is an encoder_decoder", got=got)
            )
        memory = self.encode(source) if isinstance(source, Tensor) else source
        positions, visible = self._place(ids, positions, state, documents, causal=self.config.kind != "encoder")
        x_BTD = self._embed(ids, positions, token_types)
        turn = self._turn(positions, x_BTD.dtype)
        for i, block in enumerate(self.blocks):
            layer_state = state.layers[i] if state is not None else None
            memory_state = state.cross[i] if state is not None and memory is not None else None
            x_BTD = block(x_BTD, visible, turn, layer_state, memory, memory_state)
        return x_BTD if self.norm is None else self.norm(x_BTD)

    def logits(self, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B T V"]:
        """Logits of hidden vectors; the vectors themselves if there is no head."""
        return hidden if self.head is None else self.head(hidden, self.embedding.token.weight)

    def encode(self, source: Int[Tensor, "B S"], positions: Int[Tensor, "B S"] | None = None) -> Memory:
        """What the decoder of an encoder-decoder looks at; positions as in `forward`, -1 for padding."""
        positions, visible = self._place(source, positions, None, None, causal=False)
        x_BSD = self._embed(source, positions, None)
        turn = self._turn(positions, x_BSD.dtype)
        for block in self.encoder:
            x_BSD = block(x_BSD, visible, turn)
        real_B1S = positions[:, None] >= 0
        seen = Visibility() if bool(real_B1S.all()) else Visibility(mask=real_B1S[:, None])
        return Memory(x_BSD if self.encoder_norm is None else self.encoder_norm(x_BSD), seen)

    def pooled(self, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """BERT's sentence vector, tanh(W h_0 + b)."""
        if self.pooler is None:
            raise ShapeError(explain("pooling", expected="a model with a pooler", got="one without"))
        return torch.tanh(self.pooler(hidden[:, 0]))

    def new_state(self, capacity: int = 256) -> DecodingState:
        """An empty state with room for `capacity` tokens; it grows when more come."""
        layers = [LayerState(capacity) for _ in self.blocks]
        return DecodingState(layers, [LayerState(1) for _ in self.blocks])

    def _embed(self, ids: Tensor, positions: Tensor, token_types: Tensor | None) -> Tensor:
        x_BTD: Tensor = self.embedding(ids, positions, token_types)
        return x_BTD if self.activation_dtype is None else x_BTD.to(self.activation_dtype)

    def _place(
        self,
        ids: Tensor,
        positions: Tensor | None,
        state: DecodingState | None,
        documents: Tensor | None,
        *,
        causal: bool,
    ) -> tuple[Tensor, Visibility]:
        B, T = ids.shape
        if bool((ids < 0).any()) or bool((ids >= self.config.vocab_size).any()):
            worst = int(ids.flatten()[ids.flatten().sub(self.config.vocab_size // 2).abs().argmax()])
            raise ShapeError(explain("token ids", expected=f"0 to {self.config.vocab_size - 1}", got=worst))
        simple = positions is None and state is None and self.config.attention.window is None
        if positions is None:
            past_B1 = 0 if state is None or state.positions is None else state.positions.amax(dim=1, keepdim=True) + 1
            positions = (past_B1 + torch.arange(T, device=ids.device)).expand(B, T)
        length = int(positions.max()) + 1
        if length > self.config.context_length:
            do = "shorten the text or ask for fewer tokens"
            raise ShapeError(
                explain("text length", expected=f"at most {self.config.context_length} tokens", got=length, do=do)
            )
        if simple and documents is None:
            return positions, Visibility(causal=causal)
        key_positions = positions if state is None else state.advance(positions)
        window = self.config.attention.window
        return positions, visibility(positions, key_positions, causal=causal, window=window, documents=documents)

    def _turn(self, positions: Tensor, dtype: torch.dtype) -> Rotation | None:
        if self.config.positions.kind != "rotary":
            return None
        return rotation(positions.clamp(min=0), self.config.attention.head_dim, self.config.positions, dtype)


def _initialise(module: nn.Module) -> None:
    """Normal weights of standard deviation 0.02 and zero biases, as in GPT-2."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _calm_residuals_(model: Transformer) -> None:
    """Divide what each part adds to the stream by sqrt(their number), so that depth does not swell it (GPT-2)."""
    parts = [m for m in model.modules() if isinstance(m, (MultiHeadAttention, FeedForward))]
    for part in parts:
        layer = part.output if isinstance(part, MultiHeadAttention) else part.down
        nn.init.normal_(layer.weight, std=0.02 / len(parts) ** 0.5)
