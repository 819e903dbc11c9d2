"""What can be had for a matrix, and at what price."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.compression.actions import Action, Found, Keep
from eigenlm.linalg.error_feedback import Feedback, feedback
from eigenlm.linalg.spectrum import numerical_rank
from eigenlm.linear import LinearMap

# Found on SmolLM2 with 24,000 tokens (docs/log.md): 1 to 3 % lose 10 % less than no shrinkage.
SHRINKAGE = 0.01
# Found there too: rows that follow the Gram of outputs more closely, or less, lose more on text kept apart.
_OUTPUT_DAMPING = 1.0
_ROWS = 4096  # of a matrix of many rows, whose loss is taken in float64


def _nothing() -> dict[str, Tensor]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One way to store one matrix.

    Attributes:
        action: what is done.
        bytes: of the numbers that make up the matrix afterwards; the bias and the places of rows are not among them.
        loss: nats per token, to second order, by the metric in which the matrix was measured.
        time: multiplications for one token.
        beside: bytes of the places of rows.
        parts: gives the tensors that the action needs, when it is taken.
    """

    action: Action
    bytes: int
    loss: float
    time: int
    beside: int = 0
    parts: Callable[[], Mapping[str, Tensor]] = field(default=_nothing, repr=False, compare=False)


@dataclass(frozen=True)
class Metric:
    """How much a change D of a matrix costs: 1/2 tr(G D C D^T), nats per token (arXiv:1503.05671).

    Attributes:
        input_gram: C (n, n), as measured.
        output_gram: G (m, m), as measured, or its diagonal (m) where that is all there is.
    """

    input_gram: Float[Tensor, "n n"]
    output_gram: Float[Tensor, "m m"] | Float[Tensor, " m"]

    def joined(self, other: "Metric", share: float) -> "Metric":
        """That of both texts together, of which the other's part of the tokens is `share`."""
        C = torch.lerp(self.input_gram, other.input_gram, share)
        return Metric(C, torch.lerp(self.output_gram, other.output_gram, share))

    def reach(self) -> int:
        """The rank of C, with each input divided by its root mean square: how many directions of them the text has.

        Eigenvalues below the precision of Grams that are kept halved do not count.
        """
        C = self.input_gram.double()
        size = C.diagonal().sqrt().clamp_min(torch.finfo(torch.float32).tiny)
        values = torch.linalg.eigvalsh(C / size[:, None] / size).clamp_min(0).flip(0)
        return int(numerical_rank(values, eps=2**-12))

    def feedback(self) -> tuple[Feedback, Feedback]:
        """What numbers are rounded by: the factors of C and G."""
        return feedback(self.input_gram.cpu()), feedback(self.output_gram.cpu(), _OUTPUT_DAMPING)

    def loss(self, before: Float[Tensor, "m n"], after: Float[Tensor, "m n"]) -> float:
        """1/2 tr(G D C D^T) of D = after - before, with both Grams a little shrunk."""
        C, G = self.shrunk
        if G.ndim == 2:
            return _quadratic(before, after, partial(torch.mm, G), C)
        rows = zip(before.split(_ROWS), after.split(_ROWS), G.split(_ROWS))
        return sum(_quadratic(W, Q, partial(torch.mul, g[:, None]), C) for W, Q, g in rows)

    @cached_property
    def shrunk(self) -> tuple[Tensor, Tensor]:
        """C and G in float64, each with a part replaced by its mean eigenvalue times the identity."""
        return _shrunk(self.input_gram.double()), _shrunk(self.output_gram.double())


class Fit(ABC):
    """What a method made of a matrix."""

    @abstractmethod
    def losses(self, prices: Metric) -> list[float]:
        """What each of its changes loses in a metric, nats per token to second order."""

    @abstractmethod
    def offers(self, losses: Sequence[float]) -> list[Offer]:
        """Its changes at these losses, one of each."""


@dataclass(frozen=True)
class CompressionMethod:
    """A way to make a matrix smaller.

    Attributes:
        fit: what it makes of a layer, fitted in a metric.
        weighs: whether it fits by Grams of weighted tokens, which then are measured too.
        rehearses: whether a fit follows its metric so closely that only other windows tell what it loses: it is fitted
            to a part, priced on the rest, and fitted again to all.
        gguf: whether GGUF files hold what it makes.
        held: bytes that its offers for a matrix (m, n) keep in memory, given m, n and the bytes of a float there.
    """

    fit: Callable[[LinearMap, Found, Metric], Fit]
    weighs: bool = False
    rehearses: bool = False
    gguf: bool = False
    held: Callable[[int, int, int], int] = lambda m, n, itemsize: 0

    def offers(self, layer: LinearMap, found: Found, metric: Metric) -> list[Offer]:
        """What it makes of a layer, fitted and priced in one metric."""
        fit = self.fit(layer, found, metric)
        return fit.offers(fit.losses(metric))


@dataclass(frozen=True)
class Changes(Fit):
    """Other forms of a matrix, each of which is made already.

    Attributes:
        layer: as it is.
        found: likewise.
        changes: actions and what they need.
    """

    layer: LinearMap
    found: Found
    changes: Sequence[tuple[Action, Mapping[str, Tensor]]]

    def losses(self, prices: Metric) -> list[float]:
        """By the difference of the dense matrices."""
        W = self.layer.dense().detach()
        return [prices.loss(W, action.dense(self.layer, parts)) for action, parts in self.changes]

    def offers(self, losses: Sequence[float]) -> list[Offer]:
        """One of each change."""
        return [self._offer(action, parts, loss) for (action, parts), loss in zip(self.changes, losses, strict=True)]

    def _offer(self, action: Action, parts: Mapping[str, Tensor], loss: float) -> Offer:
        num_bytes, time = action.num_bytes(self.found), action.build(self.layer, parts).num_multiplications
        return Offer(action=action, bytes=num_bytes, loss=loss, time=time, parts=lambda: parts)


def keep_offer(layer: LinearMap, found: Found) -> Offer:
    """To leave a layer as it is."""
    return Offer(action=Keep(), bytes=found.num_bytes_before, loss=0.0, time=layer.num_multiplications)


def _quadratic(before: Tensor, after: Tensor, times_G: Callable[[Tensor], Tensor], C: Tensor) -> float:
    """1/2 tr(G D C D^T)."""
    D = after.double() - before.double()
    return max(float(torch.vdot((times_G(D) @ C).flatten(), D.flatten())), 0.0) / 2


def _shrunk(gram: Tensor) -> Tensor:
    """A Gram of few samples, nearer to the identity times its mean eigenvalue (Ledoit and Wolf 2004)."""
    if gram.ndim == 1:
        return (1 - SHRINKAGE) * gram + SHRINKAGE * gram.mean()
    shrunk = (1 - SHRINKAGE) * gram
    shrunk.diagonal().add_(SHRINKAGE * gram.diagonal().mean())
    return shrunk
