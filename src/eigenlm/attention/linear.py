"""Linear attention: softmax's exp(q k) becomes f(q) f(k), so that all keys so far are one matrix a head."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from eigenlm.attention.contract import Attention, AttentionConfig
from eigenlm.attention.place import Place
from eigenlm.errors import ConfigError, explain
from eigenlm.linear import DenseLinear
from eigenlm.norms import NormConfig

CHUNK = 64  # tokens whose products with one another are taken at once; those with earlier ones go through the sums


@dataclass(frozen=True, kw_only=True)
class LinearAttentionConfig(AttentionConfig):
    """Sizes of linear attention with f = elu + 1; source: arXiv:2006.16236, (4) to (7).

    Attributes:
        num_heads: H query heads.
        num_kv_heads: G key/value heads; G divides H.
        head_dim: K, width of a head.
        bias: whether query, key and value have one.
        output_bias: whether the output has one.
    """

    kind = "linear"

    num_heads: int
    num_kv_heads: int
    head_dim: int
    bias: bool = False
    output_bias: bool = False

    def check(self) -> None:
        """Refuse sizes that make no layer."""
        if min(self.num_heads, self.num_kv_heads, self.head_dim) < 1 or self.num_heads % self.num_kv_heads:
            expected = "sizes of at least 1, and key/value heads that divide the heads"
            got = f"{self.num_heads} heads and {self.num_kv_heads} key/value heads of width {self.head_dim}"
            raise ConfigError(explain("attention", expected=expected, got=got))

    @property
    def kept_per_token(self) -> tuple[int, int]:
        """None: a state is as large after one token as after a million."""
        return 0, 0

    def build(self, d_model: int, norm: NormConfig) -> Attention:
        """The layer."""
        return LinearAttention(self, d_model)


class SummedState:
    """The sums over the tokens of each row, f(k) (v, 1)^T of each head."""

    def __init__(self) -> None:
        self.sums: Float[Tensor, "rows G K V1"] | None = None

    def of(self, place: Place, like: Float[Tensor, "B G K V1"]) -> Float[Tensor, "B G K V1"]:
        """The sums of a place's rows, a view; zero for rows that are new."""
        if self.sums is None or len(self.sums) < place.rows.stop:
            self.resize(place.rows.stop, 0, like)
        assert self.sums is not None
        return self.sums[place.rows]

    def resize(self, rows: int, columns: int, like: Tensor | None = None) -> None:
        """Have room for so many rows; columns take none."""
        template = self.sums if like is None else like
        if template is None:
            return
        old, self.sums = self.sums, template.new_zeros(rows, *template.shape[1:])
        if old is not None:
            self.sums[: len(old)] = old[:rows]

    def drop(self, row: int, last: int) -> None:
        """Forget a row; the last one in use takes its place."""
        if self.sums is not None:
            self.sums[row] = self.sums[last]
            self.sums[last] = 0


class LinearAttention(Attention):
    """output(f(q) S / f(q) z), S and z being the sums of f(k) v^T and f(k) over the keys that a query sees."""

    def __init__(self, config: LinearAttentionConfig, d_model: int) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        query_width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        self.query = DenseLinear(d_model, query_width, config.bias)
        self.key = DenseLinear(d_model, kv_width, config.bias)
        self.value = DenseLinear(d_model, kv_width, config.bias)
        self.output = DenseLinear(query_width, d_model, config.output_bias)

    def forward(
        self, x: Float[Tensor, "B T D"], place: Place, state: SummedState | None = None
    ) -> Float[Tensor, "B T D"]:
        """Each token's share of the sums; work is linear in T, unless documents are told apart by a mask."""
        key = self._heads(self.key(x))
        G = key.shape[1]
        q_BGNTK = _feature(self._heads(self.query(x))).unflatten(1, (G, -1))
        k_BGTK = _feature(key) * (place.positions >= 0)[:, None, :, None].to(key.dtype)
        v_BGTV = F.pad(self._heads(self.value(x)), (0, 1), value=1.0)  # the last column sums f(k) itself
        if place.documents is not None:
            sums_BGNTV = _masked(q_BGNTK, k_BGTK, v_BGTV, place.visible().dense(x.shape[1], x.shape[1], x.device))
        elif place.causal:
            sums_BGNTV = _causal(q_BGNTK, k_BGTK, v_BGTV, place, state)
        else:
            sums_BGNTV = q_BGNTK @ (k_BGTK.mT @ v_BGTV)[:, :, None]
        totals = sums_BGNTV[..., -1:]
        out_BGNTK = sums_BGNTV[..., :-1] / torch.where(totals > 0, totals, 1.0)  # padding sees nothing
        return self.output(out_BGNTK.flatten(1, 2).transpose(1, 2).flatten(2))

    def new_state(self, capacity: int) -> SummedState:
        """Sums over no tokens."""
        return SummedState()

    def _heads(self, x_BTE: Tensor) -> Float[Tensor, "B heads T K"]:
        return x_BTE.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


def _feature(x: Tensor) -> Tensor:
    return F.elu(x) + 1


def _masked(q_BGNTK: Tensor, k_BGTK: Tensor, v_BGTV: Tensor, mask_B1TS: Tensor) -> Tensor:
    weights_BGNTS = (q_BGNTK @ k_BGTK.mT[:, :, None]).masked_fill(~mask_B1TS[:, :, None], 0.0)
    return weights_BGNTS @ v_BGTV[:, :, None]


def _causal(q_BGNTK: Tensor, k_BGTK: Tensor, v_BGTV: Tensor, place: Place, state: SummedState | None) -> Tensor:
    """Chunk by chunk: products within it under a triangle, those with all before it through the sums."""
    before_BGKV = torch.zeros_like(k_BGTK[:, :, :1].mT @ v_BGTV[:, :, :1])
    if state is not None:
        before_BGKV = state.of(place, before_BGKV)
    parts = []
    for q, k, v in zip(q_BGNTK.split(CHUNK, dim=3), k_BGTK.split(CHUNK, dim=2), v_BGTV.split(CHUNK, dim=2)):
        within = (q @ k.mT[:, :, None]).tril() @ v[:, :, None]
        parts.append(within + q @ before_BGKV[:, :, None])
        before_BGKV = before_BGKV + k.mT @ v
    if state is not None:
        state.of(place, before_BGKV).copy_(before_BGKV)
    return torch.cat(parts, dim=3)
