"""A low-rank linear layer told by some rows of its own matrix."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.linalg.interpolation import interpolate
from eigenlm.linear.contract import LinearMap, Pack, as_bias
from eigenlm.linear.low_rank import best_factors


class InterpolativeLinear(LinearMap):
    """y_i = (A x, K A x)_place[i] + b_i: rank R at R (in + out - R) numbers, fewer than any dense matrix of its size.

    A (R, in) holds R rows of the matrix, K (out - R, R) tells the others in terms of them, and `place` (out) says
    where each output lies among the two. Source: arXiv:2501.19090.
    """

    kind = "interpolative"
    settings = ("rank",)
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
        with torch.device("meta"):
            layer = cls(A.shape[1], B.shape[0], A.shape[0], bias=False)
        layer.A, layer.K, layer.place = nn.Parameter(told.skeleton), nn.Parameter(told.K), told.place
        layer.bias = as_bias(bias)
        return layer

    @classmethod
    def from_dense(
        cls, W: Float[Tensor, "out in"], bias: Tensor | None = None, rank: int | None = None
    ) -> "InterpolativeLinear":
        """The best approximation of a rank in the Frobenius norm; of full rank by default."""
        return cls.from_factors(*best_factors(W, min(W.shape) if rank is None else rank), bias)

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """The rows that are kept, then the others from them."""
        kept = F.linear(x, self.A.to(x.dtype))
        return _put_in_place(kept, F.linear(kept, self.K.to(x.dtype)), self.place, self.bias)

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return torch.cat([self.A, self.K @ self.A])[self.place]

    def packed(self, pack: Pack) -> nn.Module:
        """A, then K."""
        return _FromRows(pack(self.A, None), pack(self.K, None), self.place, self.bias)

    def fault(self) -> str:
        """That `place` is no permutation."""
        if torch.equal(self.place.sort().values.cpu(), torch.arange(self.out_features)):
            return ""
        return f"place: expected each of 0 to {self.out_features - 1} once, got something else"

    @property
    def num_multiplications(self) -> int:
        """Multiplications for one row of x."""
        return self.rank * (self.in_features + self.out_features - self.rank)


class _FromRows(nn.Module):
    """The packed form: the kept rows by one module, the others from these by another."""

    def __init__(self, kept: nn.Module, others: nn.Module, place: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.kept, self.others, self.place, self.bias = kept, others, place, bias

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        kept = self.kept(x)
        return _put_in_place(kept, self.others(kept), self.place, self.bias)


def _put_in_place(kept: Tensor, others: Tensor, place: Tensor, bias: Tensor | None) -> Tensor:
    y = torch.cat([kept, others], dim=-1).index_select(-1, place)
    return y if bias is None else y + bias.to(y.dtype)
