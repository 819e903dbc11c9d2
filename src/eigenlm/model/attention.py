"""The attention half of a block: projections around an attention kind."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.attention import LayerState, Visibility, softmax_attention
from eigenlm.linear import DenseLinear
from eigenlm.model.positions import Rotation, rotate
from eigenlm.norms import NormConfig, build_norm


@dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """Sizes of multi-head attention.

    Attributes:
        num_heads: H query heads.
        num_kv_heads: G key/value heads; G divides H (grouped-query attention, arXiv:2305.13245).
        head_dim: K, width of a head.
        bias: whether query, key and value have one.
        output_bias: whether the output has one.
        query_key_norm: RMS norm of each query and key head before rotation (Qwen 3).
        window: how many of the latest keys a query sees; None for all.
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    bias: bool = False
    output_bias: bool = False
    query_key_norm: bool = False
    window: int | None = None


class SoftmaxAttention(nn.Module):
    """`softmax_attention` as a module without parameters: where hooks see queries and keys, heads apart and turned."""

    def forward(
        self,
        query: Float[Tensor, "B T H K"],
        key: Float[Tensor, "B S G K"],
        value: Float[Tensor, "B S G K"],
        visible: Visibility,
    ) -> Float[Tensor, "B T H K"]:
        """The heads' outputs."""
        return softmax_attention(query, key, value, visible)


class MultiHeadAttention(nn.Module):
    """output(attention(query(x), key(memory), value(memory))), memory being x itself in self-attention."""

    def __init__(self, config: AttentionConfig, d_model: int, norm: NormConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        query_width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        self.query = DenseLinear(d_model, query_width, config.bias)
        self.key = DenseLinear(d_model, kv_width, config.bias)
        self.value = DenseLinear(d_model, kv_width, config.bias)
        self.softmax = SoftmaxAttention()
        self.output = DenseLinear(query_width, d_model, config.output_bias)
        self.query_norm = build_norm(norm, config.head_dim) if config.query_key_norm else None
        self.key_norm = build_norm(norm, config.head_dim) if config.query_key_norm else None

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        visible: Visibility,
        turn: Rotation | None = None,
        state: LayerState | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Self-attention; with a state, over the tokens it remembers as well."""
        q_BTHK, k_BTGK, v_BTGK = self.project(x, turn)
        k_BSGK, v_BSGK = (k_BTGK, v_BTGK) if state is None else state.append(k_BTGK, v_BTGK)
        return self.output(self.softmax(q_BTHK, k_BSGK, v_BSGK, visible).flatten(2))

    def project(
        self, x: Float[Tensor, "B T D"], turn: Rotation | None
    ) -> tuple[Float[Tensor, "B T H K"], Float[Tensor, "B T G K"], Float[Tensor, "B T G K"]]:
        """Queries, keys and values of x, normed and turned where the model does so."""
        q_BTHK, k_BTGK, v_BTGK = self._heads(self.query(x)), self._heads(self.key(x)), self._heads(self.value(x))
        if self.query_norm is not None and self.key_norm is not None:
            q_BTHK, k_BTGK = self.query_norm(q_BTHK), self.key_norm(k_BTGK)
        if turn is not None:
            q_BTHK, k_BTGK = rotate(q_BTHK, turn), rotate(k_BTGK, turn)
        return q_BTHK, k_BTGK, v_BTGK

    def _heads(self, x_BTE: Tensor) -> Tensor:
        return x_BTE.unflatten(-1, (-1, self.head_dim))


class CrossAttention(MultiHeadAttention):
    """Attention of a decoder to an encoder's output."""

    def forward(  # type: ignore[override]
        self,
        x: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"],
        visible: Visibility,
        state: LayerState | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Queries from x, keys and values from `memory`; a state keeps those for the next tokens."""
        if state is not None and not state.is_empty:
            k_BSGK, v_BSGK = state.keys_and_values()
        else:
            k_BSGK, v_BSGK = self._heads(self.key(memory)), self._heads(self.value(memory))
            if state is not None:
                state.append(k_BSGK, v_BSGK)
        return self.output(self.softmax(self._heads(self.query(x)), k_BSGK, v_BSGK, visible).flatten(2))
