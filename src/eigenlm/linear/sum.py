"""A linear layer whose matrix is the sum of those of other linear layers."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.errors import ConfigError, ShapeError, explain
from eigenlm.linear.contract import LinearMap, Pack
from eigenlm.linear.dense import DenseLinear
from eigenlm.linear.low_rank import LowRankLinear, best_factors
from eigenlm.linear.registry import linear_map


class SumLinear(LinearMap):
    """y = (W_1 + W_2 + ...) x + b, each W_i stored in a way of its own: a base and what is added to it.

    A base and a low-rank change is LoRA (arXiv:2106.09685); a quantized base and a low-rank repair is LQER.
    """

    kind = "sum"

    def __init__(self, parts: Sequence[LinearMap]) -> None:
        """Add layers up.

        Args:
            parts: of equal sizes; the first may have a bias.

        Raises:
            ShapeError: none, other sizes, or a bias in a later part.
        """
        super().__init__()
        sizes = [(part.out_features, part.in_features) for part in parts]
        if len({*sizes}) != 1 or any(part.bias is not None for part in parts[1:]):
            expected = "layers of equal sizes, of which only the first has a bias"
            raise ShapeError(explain("sum of linear layers", expected=expected, got=sizes))
        self.parts = nn.ModuleList(parts)
        self.out_features, self.in_features = sizes[0]

    @property
    def _each(self) -> tuple[Any, ...]:
        return tuple(self.parts)

    @classmethod
    def from_dense(cls, W: Float[Tensor, "out in"], bias: Tensor | None = None, rank: int = 1) -> "SumLinear":
        """The best part of a rank, and what is left as a dense matrix (arXiv:2404.02948)."""
        B, A = best_factors(W, rank)
        return cls([DenseLinear.from_dense(W.detach() - B @ A, bias), LowRankLinear.from_factors(B, A)])

    @property
    def bias(self) -> nn.Parameter | None:  # type: ignore[override]
        """b, that of the first part."""
        return self._each[0].bias

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """What the parts give, added up."""
        return _added([part(x) for part in self.parts])

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return _added([part.dense() for part in self._each])

    def packed(self, pack: Pack) -> nn.Module:
        """The parts, each packed in its own way."""
        return _Added([part.packed(pack) for part in self._each])

    def merged(self) -> LinearMap:
        """One dense layer."""
        with torch.no_grad():
            return DenseLinear.from_dense(self.dense(), self.bias)

    def fault(self) -> str:
        """That of a part."""
        return next((f"parts.{i}.{fault}" for i, part in enumerate(self._each) if (fault := part.fault())), "")

    def spec(self) -> dict[str, Any]:
        """The specs of the parts."""
        return {"kind": self.kind, "parts": [part.spec() for part in self._each]}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], where: str = "linear layer") -> "SumLinear":
        """An empty layer of empty parts; errors as in `registry.linear_map`."""
        parts = spec.get("parts")
        if {*spec} != {"kind", "parts"} or not isinstance(parts, list):
            raise ConfigError(explain(where, expected="a spec of kind sum with a list of parts", got=dict(spec)))
        try:
            return cls([linear_map(part, f"{where}, part {i}") for i, part in enumerate(parts)])
        except ShapeError as error:
            raise ConfigError(f"{where}: {error}") from error

    @property
    def num_multiplications(self) -> int:
        """Multiplications for one row of x."""
        return sum(part.num_multiplications for part in self._each)

    @property
    def num_params(self) -> int:
        """Numbers of all parts."""
        return sum(part.num_params for part in self._each)


class _Added(nn.Module):
    """The packed form."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        return _added([part(x) for part in self.parts])


def _added(terms: Sequence[Tensor]) -> Tensor:
    return sum(terms[1:], start=terms[0])
