"""What is differentiated: a module's mean loss on a fixed batch, in parts that fit into memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.curvature.losses import CrossEntropy, OutputLoss
from eigenlm.errors import ConfigError, ShapeError, explain
from eigenlm.observe.predictions import logits_of


@dataclass(frozen=True, kw_only=True)
class ObjectivePart:
    """Some rows of a batch.

    Attributes:
        inputs: what the module is given; a tuple for more than one argument.
        target: what the loss is given beside the output.
    """

    inputs: Any
    target: Any


@dataclass(frozen=True, kw_only=True)
class Objective:
    """f(w) = 1 / count * sum over parts of the loss of module(inputs), without dropout.

    Attributes:
        module: the function of inputs and parameters.
        loss: at its output.
        parts: of the batch; products with curvature are summed over them, one part's activations at a time or all kept.
        forward: what is called with the module and a part's inputs; the module itself by default.
    """

    module: nn.Module
    loss: OutputLoss
    parts: Sequence[ObjectivePart]
    forward: Callable[[nn.Module, Any], Any] = lambda module, x: module(*x) if isinstance(x, tuple) else module(x)

    def __post_init__(self) -> None:
        """Refuse a batch without rows."""
        if not self.count:
            raise ConfigError(explain("a loss to differentiate", expected="at least one target", got="none"))

    @property
    def count(self) -> int:
        """Losses that the mean is over."""
        return sum(self.loss.count(part.target) for part in self.parts)

    def output(self, part: ObjectivePart) -> Any:
        """module(inputs), in evaluation mode."""
        training = [module for module in self.module.modules() if module.training]
        self.module.eval()  # dropout would make another function of every call
        try:
            return self.forward(self.module, part.inputs)
        finally:
            for module in training:
                module.training = True

    def term(self, part: ObjectivePart) -> Float[Tensor, ""]:
        """What a part adds to the mean loss."""
        return self.loss.total(self.output(part), part.target) / self.count

    def terms(self) -> list[Callable[[], Float[Tensor, ""]]]:
        """Functions that give what each part adds."""
        return [lambda part=part: self.term(part) for part in self.parts]  # type: ignore[misc]


def next_token(module: nn.Module, ids: Int[Tensor, "B T"], *, rows: int | None = None) -> Objective:
    """The mean nll per token of a language model on a batch of texts: each token but the first of a text is predicted.

    Args:
        module: gives logits for ids, as ours and Hugging Face's causal models do.
        ids: (B, T) tokens.
        rows: texts in a part; all of them by default.

    Raises:
        ShapeError: texts of fewer than two tokens.
        ConfigError: parts of no rows.
    """
    if ids.shape[1] < 2 or not len(ids):
        raise ShapeError(explain("next-token loss", expected="texts of at least 2 tokens", got=tuple(ids.shape)))
    if rows is not None and rows < 1:
        raise ConfigError(explain("rows of a part", expected="at least 1", got=rows))
    parts = [ObjectivePart(inputs=x[:, :-1], target=x[:, 1:]) for x in ids.split(rows or len(ids))]
    return Objective(module=module, loss=CrossEntropy(), parts=parts, forward=logits_of)


def batches(inputs: Tensor, target: Tensor, *, rows: int | None = None) -> list[ObjectivePart]:
    """A batch in parts of at most so many rows.

    Raises:
        ShapeError: as many inputs as targets are needed, and one at least.
    """
    if len(inputs) != len(target) or not len(inputs):
        got = f"{len(inputs)} inputs and {len(target)} targets"
        raise ShapeError(explain("a batch", expected="inputs and targets, one for each", got=got))
    size = rows or len(inputs)
    return [ObjectivePart(inputs=x, target=y) for x, y in zip(torch.split(inputs, size), torch.split(target, size))]
