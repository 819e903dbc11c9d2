"""Sums over what linear layers read, kept once for all layers that read the same tensor."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.linalg.gram_sum import GramSum


class Sums:
    """Sums over the rows of an input.

    Attributes:
        gram: sum of x x^T.
        total: sum of x.
        max_abs: the largest magnitude.
        first_energy: sum of |x|^2 over the first tokens of texts; None where rows do not come as texts.
        tokens: how many rows.
    """

    def __init__(self, width: int, device: torch.device) -> None:
        self.gram = GramSum(width, device)
        self.total: Float[Tensor, " n"] = torch.zeros(width, device=device)
        self.max_abs: Float[Tensor, ""] = torch.zeros((), device=device)
        self.first_energy: Float[Tensor, ""] | None = torch.zeros((), device=device)
        self.tokens = 0

    def add_(self, x: Float[Tensor, "*batch n"]) -> None:
        """Take in more rows."""
        rows_CI = x.flatten(0, -2).float()
        self.gram.add_(rows_CI)
        self.total += rows_CI.sum(0)
        if len(rows_CI):
            self.max_abs = torch.maximum(self.max_abs, rows_CI.abs().amax())
        if self.first_energy is not None:
            self.first_energy = self.first_energy + x[..., 0, :].float().square().sum() if x.ndim > 2 else None
        self.tokens += len(rows_CI)


class SharedInputs:
    """Sums over the inputs of layers, one Gram for all that read the same tensor.

    `see` is for `watch(..., inputs=...)`, and `next_window` comes after each pass, or each block of one.

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
        if name not in self.sums:
            self.sums[name] = Sums(x.shape[-1], x.device)
        self.sums[name].add_(x.detach())

    def next_window(self) -> None:
        """Let go of the inputs of this pass."""
        self._alive.clear()
