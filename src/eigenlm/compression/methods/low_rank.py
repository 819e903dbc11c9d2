"""A matrix told by some of its rows, of every rank at which that is smaller than what is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.compression.actions import Action, Found
from eigenlm.compression.offers import CompressionMethod, Fit, Metric, Offer
from eigenlm.errors import explain
from eigenlm.linalg.low_rank import low_rank, tail_in
from eigenlm.linear import InterpolativeLinear, LinearMap

# Found on SmolLM2 with 18,432 tokens (docs/log.md): C shrunk less loses as much on like text and more on another, G
# shrunk wholly loses more on both.
_INPUT_SHRINKAGE, _OUTPUT_SHRINKAGE = 0.1, 0.3


@dataclass(frozen=True, kw_only=True)
class LowRank(Action):
    """The matrix becomes B @ A, told by some of its rows: R (m + n - R) numbers.

    Attributes:
        rank: R.
    """

    kind = "low_rank"
    words = "cut to a lower rank (low_rank)"
    parts = ("B", "A")
    rank: int

    @property
    def label(self) -> str:
        """Its rank."""
        return f"rank {self.rank}"

    def num_params(self, found: Found) -> int:
        """R (m + n - R)."""
        return self.rank * (found.rows + found.columns - self.rank)

    def fault(self, found: Found) -> str:
        """That there is no such rank."""
        highest = min(found.rows, found.columns)
        if 0 <= self.rank <= highest:
            return ""
        return explain("rank", expected=f"0 to {highest}", got=self.rank)

    def fault_of_parts(self, found: Found, parts: Mapping[str, Tensor]) -> str:
        """That they make no product of this rank and these sizes."""
        B, A = parts["B"], parts["A"]
        if B.ndim == A.ndim == 2 and (len(B), A.shape[1]) == (found.rows, found.columns) and B.shape[1] == len(A):
            if self.rank <= len(A):
                return ""
            return explain("rank", expected=f"at most {len(A)}, that of the factors", got=self.rank, do="plan anew")
        expected = f"B ({found.rows}, R) and A (R, {found.columns})"
        return explain("factors", expected=expected, got=f"{tuple(B.shape)} and {tuple(A.shape)}")

    def build(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> LinearMap:
        """The interpolative layer; factors come in the order of their worth, so that a lower rank takes the first."""
        return InterpolativeLinear.from_factors(*self._factors(layer, parts), layer.bias)

    def dense(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> Float[Tensor, "m n"]:
        """B @ A."""
        B, A = self._factors(layer, parts)
        return B @ A

    def _factors(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        like = layer.dense().detach()
        return parts["B"][:, : self.rank].to(like), parts["A"][: self.rank].to(like)


@dataclass(frozen=True)
class RankedFit(Fit):
    """The best approximations of a matrix, of every rank.

    B = W P and A = P^-1 where n <= m, and B = P and A = P^-1 W where m < n (`linalg.low_rank`).

    Attributes:
        layer: as it is.
        found: likewise.
        basis: P (k, k) with k = min(m, n), the best direction first.
    """

    layer: LinearMap
    found: Found
    basis: Float[Tensor, "k k"]

    def losses(self, prices: Metric) -> list[float]:
        """Of each rank from 0 to k."""
        return (tail_in(*self._factors(), *prices.shrunk) / 2).tolist()

    def offers(self, losses: Sequence[float]) -> list[Offer]:
        """Those of ranks that are smaller than what is there."""
        like = self.layer.dense()
        B, A = (factor.to(like) for factor in self._factors())
        every = [self._offer(rank, loss, B, A) for rank, loss in enumerate(losses)]
        return [offer for offer in every if offer.bytes < self.found.num_bytes_before]

    def _factors(self) -> tuple[Float[Tensor, "m k"], Float[Tensor, "k n"]]:
        W, P = self.layer.dense().detach().double(), self.basis.double()
        return (P, torch.linalg.inv(P) @ W) if len(W) < W.shape[1] else (W @ P, torch.linalg.inv(P))

    def _offer(self, rank: int, loss: float, B: Tensor, A: Tensor) -> Offer:
        action, found = LowRank(rank=rank), self.found

        def parts() -> dict[str, Tensor]:
            return {"B": B[:, :rank].contiguous(), "A": A[:rank].contiguous()}

        num_bytes, time, places = action.num_bytes(found), action.num_params(found), found.rows * torch.int64.itemsize
        return Offer(action=action, bytes=num_bytes, loss=loss, time=time, beside=places, parts=parts)


def fit(layer: LinearMap, found: Found, metric: Metric) -> RankedFit:
    """The best approximation of each rank."""
    W, C, G = layer.dense().detach(), metric.input_gram, metric.output_gram
    best = low_rank(W, C, G, input_shrinkage=_INPUT_SHRINKAGE, output_shrinkage=_OUTPUT_SHRINKAGE)
    P = best.B if len(W) < W.shape[1] else torch.linalg.inv(best.A)
    return RankedFit(layer, found, P.to(torch.promote_types(W.dtype, torch.float32)))


def held(rows: int, columns: int, itemsize: int) -> int:
    """Bytes of the factors of every rank, and of the columns of those taken."""
    return itemsize * min(rows, columns) * (2 * rows + columns)


METHOD = CompressionMethod(fit, weighs=True, rehearses=True, held=held)
