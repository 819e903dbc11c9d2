"""A training step counted in the units of a machine's rates."""

from dataclasses import dataclass, fields, replace

from eigenlm.model import TransformerConfig
from eigenlm.planner.execution import Execution
from eigenlm.planner.machine import Machine, Rates
from eigenlm.training.batch_sizes import BatchSizes
from eigenlm.training.losses import chunk_rows
from eigenlm.training.optimizers.costs import UpdateCosts
from eigenlm.training.parameters import count_parameters
from eigenlm.training.tally import BlockTally, blocks_of, forward_tally, model_without_memory

_FLOAT32 = 4


@dataclass(frozen=True, kw_only=True)
class Work:
    """Amounts of a part of a step, to be divided by rates.

    Attributes:
        products: operations of matrix products.
        attention_forward: operations of attention, forward.
        attention_backward: the same, of the forward, to be done backward.
        activation_forward: numbers through the feed-forward's activation.
        activation_backward: the same backward.
        moved: bytes read and written by norms, sums, casts and copies.
        softmax: logits through the loss.
        updated: bytes that the optimizer reads and writes.
        calls: operations started.
    """

    products: float = 0.0
    attention_forward: float = 0.0
    attention_backward: float = 0.0
    activation_forward: float = 0.0
    activation_backward: float = 0.0
    moved: float = 0.0
    softmax: float = 0.0
    updated: float = 0.0
    calls: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        """Both, one after the other."""
        return Work(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def __mul__(self, times: float) -> "Work":
        """The same, `times` times."""
        return Work(**{f.name: getattr(self, f.name) * times for f in fields(self)})

    def seconds(self, machine: Machine, rates: Rates) -> float:
        """Sum of amount / rate over all units."""
        by_rates = sum(getattr(self, f.name) / getattr(rates, f.name) for f in fields(rates))
        of_machine = self.softmax / machine.softmax + self.updated / machine.updated
        return float(by_rates + of_machine + self.calls * machine.call)


def forward_work(config: TransformerConfig, batch: BatchSizes, number: int, execution: Execution) -> Work:
    """Of one micro-batch, from ids to the last hidden vectors."""
    tally, _ = forward_tally(config, batch, number)
    return Work(
        products=tally.products,
        attention_forward=tally.attention_seen,
        activation_forward=float(tally.activated),
        moved=float(tally.fused if execution.compiled else tally.moved),
        calls=float(tally.calls),
    )


def backward_work(config: TransformerConfig, batch: BatchSizes, number: int, execution: Execution) -> Work:
    """Of one micro-batch, from the last hidden vectors' gradients to those of all parameters."""
    forward = forward_work(config, batch, number, execution)
    gradients = Work(
        products=2 * forward.products,
        attention_backward=forward.attention_forward,
        activation_backward=forward.activation_forward,
        moved=2 * forward.moved,
        calls=2 * forward.calls,
    )
    if execution.checkpoint == "none":
        return gradients
    # What was not kept is computed a second time.
    again = 1.0 if execution.checkpoint == "full" else 1.0 - share_kept(forward_tally(config, batch, number)[0].blocks)
    attention = forward.attention_forward * (execution.checkpoint == "full")
    return gradients + replace(forward, products=again * forward.products, attention_forward=attention)


def share_kept(blocks: list[BlockTally]) -> float:
    """The part of the blocks' matrix operations whose results `selective` keeps."""
    kept = sum(flops for block in blocks for _, flops in block.products[::2])
    return kept / sum(flops for block in blocks for _, flops in block.products)


def loss_work(config: TransformerConfig, batch: BatchSizes, number: int, execution: Execution) -> Work:
    """Of one micro-batch: logits, cross-entropy, gradients of the hidden vectors and of the head."""
    rows, V, D = batch.rows, config.vocab_size, config.d_model
    chunks = -(-rows // chunk_rows(V)) if execution.loss == "chunked" else 1
    # Each chunk's product is written, widened to float32 if it is not, and added to the gradient of the head.
    widened = (number + _FLOAT32) * (number < _FLOAT32)
    accumulated = chunks * V * D * (number + widened + 3 * _FLOAT32)
    logits = {"chunked": 0, "fused": 6 * number, "full": 2 * number + 7 * _FLOAT32}[execution.loss] * rows * V
    return Work(
        products=3 * forward_tally(config, batch, number)[1].products,
        softmax=float(rows * V),
        moved=float(accumulated + logits + V * D * (_FLOAT32 + number)),
        calls=25.0 * chunks,
    )


def update_work(config: TransformerConfig, costs: UpdateCosts, shards: int, leave: float) -> Work:
    """Of one optimizer step: the norm, the clipping, and the rule itself; `shards` devices share it."""
    counts = count_parameters(config)
    return Work(
        products=(costs.flops + costs.fast_flops) / shards,
        updated=_FLOAT32 * (costs.moved + 3 * counts.total * leave) / shards,
        calls=150 + 60.0 * len(blocks_of(model_without_memory(config))),
    )
