"""A linear layer whose numbers are looked up in a table of 256."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from eigenlm.linear.contract import LinearMap, as_bias

_ENTRIES = 256
_BINS = 4096
_ROUNDS = 40  # of Lloyd's algorithm; matrices of SmolLM2 then end within 0.2 % of the error after 160


class CodebookLinear(LinearMap):
    """y = W x + b with W_ij = s_i table[codes_ij]: one byte a number, and one table for the whole matrix.

    At the bytes of `Int8Linear` its steps are small where the numbers are many. The codes are no parameter; table,
    s and b are trained as usual. Source: arXiv:1510.00149, section 3.
    """

    kind = "codebook"
    codes: UInt8[Tensor, "out in"]

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        """Make a layer with a zero matrix.

        Args:
            in_features: width of x.
            out_features: width of y.
            bias: whether b is there.
        """
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.register_buffer("codes", torch.zeros(out_features, in_features, dtype=torch.uint8))
        self.table = nn.Parameter(torch.zeros(_ENTRIES))
        self.scale = nn.Parameter(torch.ones(out_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    @classmethod
    def from_dense(cls, W: Float[Tensor, "out in"], bias: Tensor | None = None) -> "CodebookLinear":
        """Rows brought to a mean square of 1, then each number to the nearest of 256 means that k-means finds."""
        exact = W.detach().double()
        norm = exact.norm(dim=1) / max(W.shape[1], 1) ** 0.5
        scale = torch.where(norm > 0, norm, 1.0)
        rows = exact / scale[:, None]
        table = _k_means(rows.flatten().sort().values)
        with torch.device("meta"):
            layer = cls(W.shape[1], W.shape[0], bias=False)
        layer.codes = torch.bucketize(rows, _midpoints(table)).to(torch.uint8)
        layer.table, layer.scale = nn.Parameter(table.to(W.dtype)), nn.Parameter(scale.to(W.dtype))
        layer.bias = as_bias(bias)
        return layer

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """The product with the matrix that the codes spell."""
        return F.linear(x, self.dense().to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return self.table.index_select(0, self.codes.flatten().int()).view(self.codes.shape) * self.scale[:, None]

    @property
    def num_params(self) -> int:
        """Numbers that make up W and b: codes, table, scales and bias."""
        return super().num_params + self.codes.numel()


def _k_means(ordered: Float[Tensor, " n"]) -> Float[Tensor, "256"]:
    """Lloyd's algorithm on numbers in order, where a cluster is a run of them and its sum a difference of two sums."""
    n = len(ordered)
    if n <= _ENTRIES:
        return torch.cat([ordered, ordered.new_full((_ENTRIES - n,), ordered[-1].item() if n else 0.0)])
    table = _companded(ordered)
    sums = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
    for _ in range(_ROUNDS):
        inner = torch.searchsorted(ordered, _midpoints(table))
        edges = torch.cat([inner.new_zeros(1), inner, inner.new_full((1,), n)])
        counts = edges.diff()
        table = torch.where(counts > 0, sums[edges].diff() / counts.clamp(min=1), table)
    return table


def _companded(ordered: Float[Tensor, " n"]) -> Float[Tensor, "256"]:
    """Entries as dense as the cube root of the numbers' density: the best for many entries (Panter and Dite, 1951)."""
    edges = torch.linspace(ordered[0].item(), ordered[-1].item(), _BINS + 1, dtype=ordered.dtype, device=ordered.device)
    below = torch.searchsorted(ordered, edges[1:-1])
    counts = torch.cat([below.new_zeros(1), below, below.new_full((1,), len(ordered))]).diff()
    share = counts.to(ordered.dtype).pow(1 / 3).cumsum(0)
    wanted = (torch.arange(_ENTRIES, dtype=ordered.dtype, device=ordered.device) + 0.5) / _ENTRIES
    bins = torch.searchsorted(share / share[-1], wanted)
    return (edges[bins] + edges[bins + 1]) / 2


def _midpoints(table: Tensor) -> Tensor:
    return (table[1:] + table[:-1]) / 2
