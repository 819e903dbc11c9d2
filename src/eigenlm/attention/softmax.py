"""Softmax attention: each query spreads a weight of 1 over the keys it sees, and takes their values so."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.attention.contract import Attention, AttentionConfig
from eigenlm.attention.exact import softmax_attention
from eigenlm.attention.place import Place
from eigenlm.attention.relative_bias import RelativeBias, RelativeBiasConfig
from eigenlm.attention.rotary import RotaryConfig, rotate
from eigenlm.attention.scores import Scores
from eigenlm.attention.state import KeyValueState
from eigenlm.attention.visibility import Visibility
from eigenlm.errors import ConfigError, explain
from eigenlm.linear import DenseLinear
from eigenlm.norms import NormConfig, build_norm


@dataclass(frozen=True, kw_only=True)
class SoftmaxConfig(AttentionConfig):
    """Sizes and form of multi-head softmax attention.

    Attributes:
        num_heads: H query heads.
        num_kv_heads: G key/value heads; G divides H (grouped-query attention, arXiv:2305.13245).
        head_dim: K, width of a head.
        bias: whether query, key and value have one.
        output_bias: whether the output has one.
        query_key_norm: the block's norm on queries and keys before they are turned: on each `head` (Qwen 3), on `all`
            heads as one vector (OLMo 2), or None.
        rotary: how queries and keys are turned; None for not at all.
        relative_bias: what is added to the scores for each distance (T5); layers of one stack share its numbers.
        scale: of the scores; None for K^-1/2.
        softcap: bound of the scores, see `Scores`.
        sinks: whether each head learns a score of no key, see `Scores`.
    """

    kind = "softmax"

    num_heads: int
    num_kv_heads: int
    head_dim: int
    bias: bool = False
    output_bias: bool = False
    query_key_norm: Literal["head", "all"] | None = None
    rotary: RotaryConfig | None = None
    relative_bias: RelativeBiasConfig | None = None
    scale: float | None = None
    softcap: float | None = None
    sinks: bool = False

    def check(self) -> None:
        """Refuse sizes that make no layer."""
        for name in ("num_heads", "num_kv_heads", "head_dim"):
            if getattr(self, name) < 1:
                raise ConfigError(explain(f"attention.{name}", expected="at least 1", got=getattr(self, name)))
        if self.num_heads % self.num_kv_heads:
            got = f"{self.num_heads} heads and {self.num_kv_heads} key/value heads"
            raise ConfigError(explain("attention", expected="key/value heads that divide the heads", got=got))
        if self.rotary is not None:
            _check_rotary(self.rotary, self.head_dim)

    @property
    def kept_per_token(self) -> tuple[int, int]:
        """A key and a value for each of G heads."""
        return 2 * self.num_kv_heads, self.head_dim

    @property
    def changes_beyond(self) -> int | None:
        """Where the keys of all tokens are turned by other angles."""
        return None if self.rotary is None or self.rotary.long_factors is None else self.rotary.original_length

    def build(self, d_model: int, norm: NormConfig) -> Attention:
        """The layer."""
        return SelfAttention(self, d_model, norm)


class SoftmaxCore(nn.Module):
    """`softmax_attention` as a module: where hooks see queries and keys, heads apart and turned.

    Attributes:
        sinks: (H,) scores of no key, where the config asks for them.
        relative_bias: of this layer; a stack's layers after the first look at the first one's.
    """

    def __init__(self, config: SoftmaxConfig) -> None:
        super().__init__()
        self.scale, self.softcap = config.scale, config.softcap
        self.sinks = nn.Parameter(torch.zeros(config.num_heads)) if config.sinks else None
        self.relative_bias = RelativeBias(config.relative_bias, config.num_heads) if config.relative_bias else None
        self._shared: tuple[RelativeBias, ...] = ()

    def share_bias(self, first: "SoftmaxCore") -> None:
        """Use the relative bias of another layer instead of one of its own."""
        assert first.relative_bias is not None
        self.relative_bias, self._shared = None, (first.relative_bias,)  # a tuple, so that it is no part of this module

    @property
    def scores(self) -> Scores:
        """How scores are made."""
        bias = self._shared[0] if self._shared else self.relative_bias
        return Scores(scale=self.scale, bias=bias, softcap=self.softcap, sinks=self.sinks)

    def forward(
        self,
        query: Float[Tensor, "B T H K"],
        key: Float[Tensor, "B S G K"],
        value: Float[Tensor, "B S G K"],
        visible: Visibility,
    ) -> Float[Tensor, "B T H K"]:
        """The heads' outputs."""
        return softmax_attention(query, key, value, visible, self.scores)


class MultiHeadAttention(Attention):
    """output(softmax(query(x), key(memory), value(memory))): what self-attention and attention to a memory share."""

    def __init__(self, config: SoftmaxConfig, d_model: int, norm: NormConfig) -> None:
        super().__init__()
        self.head_dim, self.rotary = config.head_dim, config.rotary
        query_width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        self.query = DenseLinear(d_model, query_width, config.bias)
        self.key = DenseLinear(d_model, kv_width, config.bias)
        self.value = DenseLinear(d_model, kv_width, config.bias)
        self.softmax = SoftmaxCore(config)
        self.output = DenseLinear(query_width, d_model, config.output_bias)
        self.norms_whole = config.query_key_norm == "all"
        widths = {"head": (config.head_dim,) * 2, "all": (query_width, kv_width), None: (None, None)}
        query_norm, key_norm = widths[config.query_key_norm]
        self.query_norm = None if query_norm is None else build_norm(norm, query_norm)
        self.key_norm = None if key_norm is None else build_norm(norm, key_norm)

    def _heads(self, x_BTE: Tensor, norm: nn.Module | None = None) -> Tensor:
        if norm is None:
            return x_BTE.unflatten(-1, (-1, self.head_dim))
        if self.norms_whole:
            return norm(x_BTE).unflatten(-1, (-1, self.head_dim))
        return norm(x_BTE.unflatten(-1, (-1, self.head_dim)))


class SelfAttention(MultiHeadAttention):
    """Softmax attention of tokens to one another.

    Attributes:
        window: how near a key has to be, see `Visibility`; None for any distance.
    """

    window: int | None = None

    def forward(
        self, x: Float[Tensor, "B T D"], place: Place, state: KeyValueState | None = None
    ) -> Float[Tensor, "B T D"]:
        """Self-attention; with a state, over the tokens it remembers as well."""
        q_BTHK, k_BTGK, v_BTGK = self.project(x, place)
        k_BSGK, v_BSGK = (k_BTGK, v_BTGK) if state is None else state.append(k_BTGK, v_BTGK, place)
        return self.output(self.softmax(q_BTHK, k_BSGK, v_BSGK, place.visible(self.window)).flatten(2))

    def project(
        self, x: Float[Tensor, "B T D"], place: Place
    ) -> tuple[Float[Tensor, "B T H K"], Float[Tensor, "B T G K"], Float[Tensor, "B T G K"]]:
        """Queries, keys and values of x, normed and turned where the model does so."""
        q_BTHK, k_BTGK = self._heads(self.query(x), self.query_norm), self._heads(self.key(x), self.key_norm)
        if self.rotary is not None:
            turn = place.rotation(self.rotary, self.head_dim, q_BTHK.dtype)
            q_BTHK, k_BTGK = rotate(q_BTHK, turn), rotate(k_BTGK, turn)
        return q_BTHK, k_BTGK, self._heads(self.value(x))

    def new_state(self, capacity: int) -> KeyValueState:
        """Room for keys and values."""
        return KeyValueState(capacity)


def _check_rotary(rotary: RotaryConfig, head_dim: int) -> None:
    width = head_dim if rotary.width is None else rotary.width
    if width % 2 or not 0 < width <= head_dim:
        expected = f"an even head_dim, or an even width of at most {head_dim}"
        raise ConfigError(explain("rotary positions", expected=expected, got=width))
    for name in ("frequency_factors", "long_factors"):
        factors = getattr(rotary, name)
        if factors is not None and len(factors) != width // 2:
            raise ConfigError(explain(name, expected=f"{width // 2} of them", got=len(factors)))
