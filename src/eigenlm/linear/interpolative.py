"""A low-rank linear layer told by some rows of its own matrix."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.linalg.interpolation import interpolate
from eigenlm.linear.sizes import Sizes


class InterpolativeLinear(Sizes):
    """y_i = (A x, K A x)_place[i] + b_i: rank R at R (in + out - R) numbers, fewer than any dense matrix of its size.

    A (R, in) holds R rows of the matrix, K (out - R, R) tells the others in terms of them, and `place` (out) says
    where each output lies among the two. Source: arXiv:2501.19090.
    """

    place: Int[Tensor, " out"]

    def __init__(self, in_features: int, out_features: int, rank: int, bias: bool = True) -> None:
        """Make a layer with zero matrices.

        Args:
            in_features: width of x.
            out_features: width of y.
            rank: R, at most `out_features`.
            bias: whether b is there.
        """
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.A = nn.Parameter(torch.zeros(rank, in_features))
        self.K = nn.Parameter(torch.zeros(out_features - rank, rank))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.register_buffer("place", torch.arange(out_features))

    @classmethod
    def from_factors(
        cls, B: Float[Tensor, "out R"], A: Float[Tensor, "R in"], bias: Tensor | None = None
    ) -> "InterpolativeLinear":
        """The layer that applies B @ A, in the factors' dtype and on their device."""
        told = interpolate(B.detach(), A.detach())
        layer = cls(A.shape[1], B.shape[0], A.shape[0], bias is not None)
        layer.A, layer.K, layer.place = nn.Parameter(told.skeleton), nn.Parameter(told.K), told.place
        if bias is not None:
            layer.bias = nn.Parameter(bias.detach())
        return layer

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """The rows that are kept, then the others from them."""
        kept = F.linear(x, self.A.to(x.dtype))
        y = torch.cat([kept, F.linear(kept, self.K.to(x.dtype))], dim=-1).index_select(-1, self.place)
        return y if self.bias is None else y + self.bias.to(x.dtype)

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return torch.cat([self.A, self.K @ self.A])[self.place]

    def extra_repr(self) -> str:
        """Sizes, as torch prints them."""
        return f"in_features={self.in_features}, out_features={self.out_features}, rank={self.rank}"
