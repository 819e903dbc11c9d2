"""A linear layer whose matrix is a product of two thin ones."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.errors import ShapeError, explain
from eigenlm.linear.contract import LinearMap, Pack, as_bias


class LowRankLinear(LinearMap):
    """y = B (A x) + b, with A (R, in) applied first and B (out, R): R (in + out) numbers instead of in * out."""

    kind = "low_rank"
    settings = ("rank",)

    def __init__(self, in_features: int, out_features: int, rank: int, bias: bool = True) -> None:
        """Make a layer with zero matrices.

        Args:
            in_features: width of x.
            out_features: width of y.
            rank: R, columns of B and rows of A.
            bias: whether b is there.
        """
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.A = nn.Parameter(torch.zeros(rank, in_features))
        self.B = nn.Parameter(torch.zeros(out_features, rank))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    @classmethod
    def from_factors(
        cls, B: Float[Tensor, "out R"], A: Float[Tensor, "_ in"], bias: Tensor | None = None
    ) -> "LowRankLinear":
        """The layer that applies B @ A, keeping the factors' dtype and device.

        Raises:
            ShapeError: the inner sizes differ, or the bias does not have B's rows.
        """
        if B.shape[1] != A.shape[0] or (bias is not None and bias.shape != B.shape[:1]):
            sizes = f"B {tuple(B.shape)}, A {tuple(A.shape)}" + (
                f", bias {tuple(bias.shape)}" if bias is not None else ""
            )
            raise ShapeError(explain("low-rank layer", expected="B (out, R), A (R, in), bias (out)", got=sizes))
        with torch.device("meta"):
            layer = cls(A.shape[1], B.shape[0], A.shape[0], bias=False)
        layer.A, layer.B, layer.bias = nn.Parameter(A.detach()), nn.Parameter(B.detach()), as_bias(bias)
        return layer

    @classmethod
    def from_dense(
        cls, W: Float[Tensor, "out in"], bias: Tensor | None = None, rank: int | None = None
    ) -> "LowRankLinear":
        """The best approximation of a rank in the Frobenius norm (Eckart and Young 1936); of full rank by default."""
        return cls.from_factors(*best_factors(W, min(W.shape) if rank is None else rank), bias)

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply A, then B."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(F.linear(x, self.A.to(x.dtype)), self.B.to(x.dtype), bias)

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies, B @ A."""
        return self.B @ self.A

    def packed(self, pack: Pack) -> nn.Module:
        """A, then B."""
        return nn.Sequential(pack(self.A, None), pack(self.B, self.bias))

    @property
    def num_multiplications(self) -> int:
        """Multiplications for one row of x."""
        return self.rank * (self.in_features + self.out_features)


def best_factors(W: Float[Tensor, "out in"], rank: int) -> tuple[Float[Tensor, "out R"], Float[Tensor, "R in"]]:
    """(B, A) of the best approximation of a rank in the Frobenius norm, in W's dtype."""
    U, S, Vh = torch.linalg.svd(W.detach().double(), full_matrices=False)
    root = S[:rank].sqrt()
    return (U[:, :rank] * root).to(W.dtype), (root[:, None] * Vh[:rank]).to(W.dtype)
