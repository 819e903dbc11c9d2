"""A recipe on a machine, and how a step of it is carried out where that is a choice."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch

from eigenlm.model import TransformerConfig
from eigenlm.planner.machine import Machine
from eigenlm.training.batch_sizes import BatchSizes
from eigenlm.training.optimizers.build import update_costs
from eigenlm.training.optimizers.costs import UpdateCosts
from eigenlm.training.parameters import Parameters
from eigenlm.training.recipe import Recipe
from eigenlm.training.tally import Amounts, forward_pass, of_all_layers


@dataclass(frozen=True, kw_only=True)
class Execution:
    """The choices that change memory and time but not the result.

    Attributes:
        compiled: whether neighbouring additions, norms and casts are one kernel.
        checkpoint: `none` keeps what autograd keeps; `selective` keeps each block's input, its attention and every
            second matrix product and computes the rest again; `full` keeps block inputs alone (arXiv:2205.05198).
        loss: `chunked` never forms all logits; `fused` forms them in the activations' precision; `full` also in float32
            with their softmax and its gradient, as plain `F.cross_entropy` does.
        float8: whether the blocks' products are in float8.
    """

    compiled: bool = False
    checkpoint: Literal["none", "selective", "full"] = "none"
    loss: Literal["chunked", "fused", "full"] = "chunked"
    float8: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is run where and how.

    Attributes:
        recipe: what is job.
        machine: where.
        execution: how.
        precision: of activations.
        batch: of one device and micro-batch.
        parameters: by part.
    """

    recipe: Recipe
    machine: Machine
    execution: Execution
    precision: str
    batch: BatchSizes
    parameters: Parameters

    @property
    def number(self) -> int:
        """Bytes of an activation."""
        return 4 if self.precision == "float32" else 2

    @property
    def shards(self) -> int:
        """How many devices share weights, gradients and the optimizer."""
        return self.recipe.layout.tensor * (self.batch.devices if self.recipe.layout.data == "fsdp" else 1)

    @property
    def update(self) -> UpdateCosts:
        """Costs of the optimizer's step."""
        return _update(self.recipe.model, self.recipe.optimizer.kind)

    def forward(self, *, as_kept: bool = False) -> Amounts:
        """Of a micro-batch's pass, with attention as one operation; `as_kept` as autograd sees it on this device."""
        half = torch.bfloat16 if as_kept and self.machine.device == "cpu" else torch.float16
        separate = as_kept and self.recipe.data.documents == "separate"
        return forward_pass(self.recipe.model, self.batch, half if self.number < 4 else None, separate=separate)


class Parts(Amounts):
    """Amounts by name that make up a whole."""

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.values())


@lru_cache(maxsize=64)
def _update(config: TransformerConfig, kind: str) -> UpdateCosts:
    amounts = of_all_layers(config, lambda model: vars(update_costs(model, kind)))
    return UpdateCosts(**amounts)  # type: ignore[arg-type]
