"""A linear layer that holds its matrix at every rank at once, of which one is set."""

from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int32
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linear.as_read import few_bits
from eigenlm.linear.contract import LinearMap, Pack, as_bias
from eigenlm.linear.dense import DenseLinear
from eigenlm.linear.interpolative import InterpolativeLinear

WHOLE = 1 << 30
"""Of what is kept of a model: all of it."""


class NestedLinear(LinearMap):
    """y = W_R x + b, where W_R is the best matrix of rank R in some metric, and W itself at K = min(in, out).

    The best matrices of all ranks nest, so that one basis Q (K, K) tells them beside W, its columns in the order of
    their worth: with Q_R the first R of them, and the first R rows of the inverse, W_R is W Q_R (Q^-1)_R, or
    Q_R (Q^-1)_R W where out < in. Another rank is set without another number being changed. W and b are trained as
    usual; the basis is no parameter, and stays as it is when the model's type changes.

    Attributes:
        rank: R.
        basis: Q, the bits of its numbers in float32.
        least_keep: (K) for each column of Q the least that is kept of a model where it is in use, in parts of `WHOLE`.
    """

    kind = "nested"
    settings = ("rank",)
    turns = True
    basis: Int32[Tensor, "k k"]
    least_keep: Int32[Tensor, " k"]

    def __init__(self, in_features: int, out_features: int, rank: int, bias: bool = True) -> None:
        """Make a layer with a zero matrix.

        Args:
            in_features: width of x.
            out_features: width of y.
            rank: R, at most the smaller of the two.
            bias: whether b is there.

        Raises:
            ConfigError: a higher rank.
        """
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        if not 0 <= rank <= self.full_rank:
            raise ConfigError(explain("nested layer, rank", expected=f"0 to {self.full_rank}", got=rank))
        self.weight = nn.Parameter(torch.zeros(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.register_buffer("basis", torch.eye(self.full_rank).view(torch.int32))
        self.register_buffer("least_keep", torch.zeros(self.full_rank, dtype=torch.int32))
        self._pair: tuple[Tensor, Tensor, Tensor] | None = None

    @classmethod
    def from_dense(cls, W: Float[Tensor, "out in"], bias: Tensor | None = None) -> "NestedLinear":
        """The layer of this very matrix, best at each rank in the Frobenius norm; equal steps of rank give up equally.

        Source: Eckart and Young 1936.
        """
        U, _, Vh = torch.linalg.svd(W.detach().double(), full_matrices=False)
        shares = torch.arange(1, len(Vh) + 1, dtype=torch.float64, device=W.device) / max(1, len(Vh))
        return cls.from_basis(W, U if len(W) < W.shape[1] else Vh.mT, shares, bias)

    @classmethod
    def from_basis(
        cls,
        W: Float[Tensor, "out in"],
        basis: Float[Tensor, "k k"],
        least_keep: Float[Tensor, " k"],
        bias: Tensor | None = None,
    ) -> "NestedLinear":
        """The layer of this very matrix, which is not copied, at its full rank.

        Args:
            W: the matrix.
            basis: Q, columns in the order of their worth.
            least_keep: for each column the least fraction that is kept of a model where it is in use, rising.
            bias: b, or None.
        """
        with torch.device("meta"):
            layer = cls(W.shape[1], W.shape[0], min(W.shape), bias=False)
        layer.weight, layer.bias = nn.Parameter(W.detach()), as_bias(bias)
        layer.basis = basis.detach().float().contiguous().view(torch.int32)
        layer.least_keep = (least_keep * WHOLE).ceil().int()
        return layer

    @property
    def full_rank(self) -> int:
        """K."""
        return min(self.in_features, self.out_features)

    def turn_(self, keep: float) -> None:
        """Set the rank that the layer has where a fraction of a model is kept."""
        self.rank = int(torch.searchsorted(self.least_keep, int(keep * WHOLE), right=True))

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """W x, or the two factors one after the other; then b."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        if self.rank == self.full_rank:
            return F.linear(x, self.weight.to(x.dtype), bias)
        B, A = self.factors(self.rank)
        return F.linear(F.linear(x, A.to(x.dtype)), B.to(x.dtype), bias)

    def dense(self) -> Float[Tensor, "out in"]:
        """W_R."""
        if self.rank == self.full_rank:
            return self.weight
        B, A = self.factors(self.rank)
        return B @ A

    def factors(self, rank: int) -> tuple[Float[Tensor, "out R"], Float[Tensor, "R in"]]:
        """(B, A) with W_R = B @ A, in W's dtype; both nest, so that those of a lower rank are a part of them."""
        Q, inverse = self._basis_and_inverse()
        exact = self.weight.to(torch.promote_types(self.weight.dtype, torch.float32))
        Q, inverse = Q[:, :rank].to(exact), inverse[:rank].to(exact)
        with torch.autocast(exact.device.type, enabled=False):  # rounded, a basis and its inverse are none
            B, A = (Q, inverse @ exact) if self.out_features < self.in_features else (exact @ Q, inverse)
        return B.to(self.weight.dtype), A.to(self.weight.dtype)

    def _basis_and_inverse(self) -> tuple[Float[Tensor, "k k"], Float[Tensor, "k k"]]:
        """Both in float32; the inverse is made when it is first needed."""
        if self._pair is None or self._pair[0] is not self.basis:
            with torch.inference_mode(False), torch.no_grad():
                Q = self.basis.view(torch.float32)
                self._pair = self.basis, Q, torch.linalg.inv(Q.double()).float()
        return self._pair[1:]

    def packed(self, pack: Pack) -> nn.Module:
        """W, or the two factors, of whatever rank is set when it is applied."""
        return _AtItsRank(self, pack)

    def merged(self) -> LinearMap:
        """The layer of the rank that is set and of no other, which is smaller below full rank."""
        if self.rank == self.full_rank:
            return DenseLinear.from_dense(self.weight, self.bias)
        with torch.no_grad():
            return InterpolativeLinear.from_factors(*self.factors(self.rank), self.bias)

    def coded(self) -> CodedMatrix | None:
        """The few bits that W was read from, where they are found again and all of W is applied."""
        return few_bits(self.weight) if self.rank == self.full_rank else None

    def fault(self) -> str:
        """That the basis is none, or that columns of less worth are in use before others."""
        if not self.basis.view(torch.float32).isfinite().all():
            return "basis: expected finite numbers, got NaN or infinite"
        if bool((self.least_keep.diff() < 0).any()):
            return "least_keep: expected rising numbers, got others"
        return ""

    @property
    def num_multiplications(self) -> int:
        """Multiplications for one row of x, in the packed form."""
        return min(self.in_features * self.out_features, self.rank * (self.in_features + self.out_features))


class _AtItsRank(nn.Module):
    """The packed form, of whatever rank is set when it is applied; W is packed once, and all factors are made once."""

    def __init__(self, layer: NestedLinear, pack: Pack) -> None:
        super().__init__()
        self.layer, self.pack = layer, pack
        self.packed: tuple[int, nn.Module] | None = None

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        if self.packed is None or self.packed[0] != self.layer.rank:
            with torch.inference_mode(False), torch.no_grad():
                self.packed = self.layer.rank, self._packed(self.layer.rank)
        return self.packed[1](x)

    def _packed(self, rank: int) -> nn.Module:
        layer = self.layer
        if rank == layer.full_rank:
            return self._whole
        B, A = self._factors[0][:, :rank].contiguous(), self._factors[1][:rank]
        if layer.num_multiplications == layer.in_features * layer.out_features:
            return self.pack(B @ A, layer.bias)
        return nn.Sequential(self.pack(A, None), self.pack(B, layer.bias))

    @cached_property
    def _whole(self) -> nn.Module:
        return self.pack(self.layer.coded() or self.layer.dense(), self.layer.bias)

    @cached_property
    def _factors(self) -> tuple[Tensor, Tensor]:
        return self.layer.factors(self.layer.full_rank)
