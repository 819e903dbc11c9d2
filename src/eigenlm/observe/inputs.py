"""Sums over what linear layers read, kept once for all layers that read the same tensor."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass
class Sums:
    """Sums over the rows of an input.

    Attributes:
        gram: sum of x x^T.
        total: sum of x.
        max_abs: the largest magnitude.
        first_energy: sum of |x|^2 over the first tokens of texts; None where rows do not come as texts.
        tokens: how many rows.
    """

    gram: Float[Tensor, "n n"]
    total: Float[Tensor, " n"]
    max_abs: Float[Tensor, ""]
    first_energy: Float[Tensor, ""] | None
    tokens: int

    def add_(self, new: "Sums") -> None:
        """Take in the sums over more rows."""
        self.gram += new.gram
        self.total += new.total
        self.max_abs = torch.maximum(self.max_abs, new.max_abs)
        known = self.first_energy is not None and new.first_energy is not None
        self.first_energy = self.first_energy + new.first_energy if known else None  # type: ignore[operator]
        self.tokens += new.tokens


class SharedInputs:
    """Sums over the inputs of layers, one Gram for all that read the same tensor.

    `see` is for `watch(..., inputs=...)`, and `next_window` comes after each pass.

    Attributes:
        sums: by the first layer that reads an input.
        input_of: that layer, for each layer.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Sums] = {}
        self.input_of: dict[str, str] = {}
        self._alive: dict[int, tuple[str, Tensor]] = {}

    def see(self, name: str, x: Float[Tensor, "*batch n"]) -> None:
        """Add what a layer reads, once for all layers that read the same tensor in this pass."""
        owner, _ = self._alive.setdefault(id(x), (name, x))  # kept alive, so that no other input gets its id
        self.input_of[name] = owner
        if owner != name:
            return
        if name in self.sums:
            self.sums[name].add_(_sums(x.detach()))
        else:
            self.sums[name] = _sums(x.detach())

    def next_window(self) -> None:
        """Let go of the inputs of this pass."""
        self._alive.clear()


def gram_of(rows_CI: Float[Tensor, "C n"]) -> Float[Tensor, "n n"]:
    """Sum of x x^T in float32: in bfloat16 the noise of large entries would drown the small ones."""
    with torch.autocast(rows_CI.device.type, enabled=False):
        rows_CI = rows_CI.float()
        return rows_CI.mT @ rows_CI


def _sums(x: Tensor) -> Sums:
    rows_CI = x.flatten(0, -2).float()
    return Sums(
        gram=gram_of(rows_CI),
        total=rows_CI.sum(0),
        max_abs=rows_CI.abs().amax() if len(rows_CI) else rows_CI.new_zeros(()),
        first_energy=x[..., 0, :].float().square().sum() if x.ndim > 2 else None,
        tokens=len(rows_CI),
    )
