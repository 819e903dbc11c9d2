"""A training step counted in the units of a machine's rates."""

from dataclasses import dataclass, fields, replace

from eigenlm.model import TransformerConfig
from eigenlm.planner.checkpointing import share_kept
from eigenlm.planner.execution import Execution
from eigenlm.planner.machine import Machine, Rates
from eigenlm.planner.state import OptimizerState
from eigenlm.training.batch_sizes import Batch
from eigenlm.training.flops import count_flops
from eigenlm.training.losses import chunk_rows
from eigenlm.training.parameters import count_parameters, head_matrices

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


def forward_work(config: TransformerConfig, batch: Batch, number: int, execution: Execution) -> Work:
    """Of one micro-batch, from ids to the last hidden vectors."""
    flops, blocks, rows = count_flops(config, batch), _blocks(config), _rows(config, batch)
    D, a, F = config.d_model, config.attention, config.feed_forward.d_ff
    heads = (a.num_heads + a.num_kv_heads) * a.head_dim
    rotary = execution.passes(10, 2) * (config.positions.kind == "rotary")
    norm = execution.passes(2 if config.norm.kind == "layer" else 20 if number < _FLOAT32 else 7, 3)
    return Work(
        products=flops.matrices - head_products(config, batch),
        attention_forward=flops.attention_causal,
        activation_forward=float(rows * F),
        # A block: two norms, two sums, heads turned, and the gated product, each read and written once.
        moved=float(number)
        * rows
        * (D * (2 * norm + 6) + rotary * heads + execution.passes(3, 1) * F * _gated(config) + 2 * D / blocks)
        + _casts(config, number),
        calls=150 + blocks * (85.0 if rotary else 60.0),
    )


def backward_work(config: TransformerConfig, batch: Batch, number: int, execution: Execution) -> Work:
    """Of one micro-batch, from the last hidden vectors' gradients to those of all parameters."""
    forward = forward_work(config, batch, number, execution)
    gradients = Work(
        products=2 * forward.products,
        attention_backward=forward.attention_forward,
        activation_backward=forward.activation_forward,
        moved=2 * forward.moved,
        calls=2 * forward.calls,
    )
    return gradients + recomputed_work(config, forward, execution.checkpoint)


def recomputed_work(config: TransformerConfig, forward: Work, checkpoint: str) -> Work:
    """What the backward pass computes a second time because it was not kept."""
    if checkpoint == "none":
        return Work()
    again = 1.0 if checkpoint == "full" else 1.0 - share_kept(config)
    attention = forward.attention_forward * (checkpoint == "full")
    return replace(forward, products=again * forward.products, attention_forward=attention)


def loss_work(config: TransformerConfig, batch: Batch, number: int, execution: Execution) -> Work:
    """Of one micro-batch: logits, cross-entropy, gradients of the hidden vectors and of the head."""
    rows, V, D = batch.rows, config.vocab_size, config.d_model
    chunks = -(-rows // chunk_rows(V)) if execution.loss == "chunked" else 1
    # Each chunk's product is written, widened to float32 if it is not, and added to the gradient of the head.
    widened = (number + _FLOAT32) * (number < _FLOAT32)
    accumulated = chunks * V * D * (number + widened + 3 * _FLOAT32)
    logits = {"chunked": 0, "fused": 6 * number, "full": 2 * number + 7 * _FLOAT32}[execution.loss] * rows * V
    return Work(
        products=3 * head_products(config, batch),
        softmax=float(rows * V),
        moved=float(accumulated + logits + V * D * (_FLOAT32 + number)),
        calls=25.0 * chunks,
    )


def update_work(config: TransformerConfig, state: OptimizerState, shards: int, leave: float) -> Work:
    """Of one optimizer step: the norm, the clipping, and the rule itself; `shards` devices share it."""
    parameters = count_parameters(config).total
    clipped = 3 * _FLOAT32 * parameters
    return Work(
        products=state.flops / shards,
        updated=(state.traffic + clipped * leave) / shards,
        calls=150 + 60.0 * _blocks(config),
    )


def head_products(config: TransformerConfig, batch: Batch) -> float:
    """Operations of the logits' products, forward."""
    return 2.0 * head_matrices(config) * batch.rows


def _blocks(config: TransformerConfig) -> int:
    return config.num_layers + config.num_encoder_layers


def _rows(config: TransformerConfig, batch: Batch) -> int:
    return batch.rows * config.num_layers + batch.texts * batch.source_tokens * config.num_encoder_layers


def _gated(config: TransformerConfig) -> bool:
    return config.feed_forward.activation == "swiglu"


def _casts(config: TransformerConfig, number: int) -> float:
    """Each weight is read in float32 and written in the lower precision."""
    matrices = count_parameters(config).hidden_matrices
    return float(matrices * (_FLOAT32 + number) * (number < _FLOAT32))
