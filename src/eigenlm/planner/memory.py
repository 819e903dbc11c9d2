"""The most memory a step holds at once, by part."""

from dataclasses import dataclass, fields

from eigenlm.model import TransformerConfig
from eigenlm.planner.checkpointing import checkpointed
from eigenlm.planner.execution import Execution
from eigenlm.planner.machine import Machine
from eigenlm.planner.saved import activations_of, saved_for_backward
from eigenlm.planner.state import optimizer_state
from eigenlm.training.batch_sizes import Batch
from eigenlm.training.losses import COLUMNS, chunk_rows
from eigenlm.training.parameters import Parameters, count_parameters
from eigenlm.training.recipe import Recipe

_FLOAT32, _INT64 = 4, 8
# What malloc holds beyond what is alive: holes that activations leave between what stays, more of them where the
# optimizer's step allocates as well. Fitted on this project's own runs (benchmarks/planner.py says which).
_HEAP_SLACK, _HEAP_SLACK_OF_MATRIX_RULES = 0.25, 0.75
# What CUDA's caching allocator reserves beyond what is alive, a usual figure.
_CACHE_SLACK = 0.05


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of one device at the highest moment of a step.

    Attributes:
        weights: float32 parameters, or a device's shard of them.
        gradients: float32, as many as there are at that moment.
        optimizer: moments of the optimizer.
        preconditioners: Gram matrices and bases of SOAP and Shampoo.
        activations: what is saved for the backward pass.
        weight_casts: low-precision copies of weights, or whole blocks gathered from their shards.
        loss: logits, their gradients, and the gradient of the head.
        working: what a block's backward or an optimizer's matrix needs beside.
        data: token ids of the step.
        slack: what the allocator holds and nobody uses.
        base: interpreter and framework.
    """

    weights: float
    gradients: float
    optimizer: float
    preconditioners: float
    activations: float
    weight_casts: float
    loss: float
    working: float
    data: float
    slack: float
    base: float

    @property
    def total(self) -> float:
        """All of it: the peak resident size of the process, or what is taken of the accelerator."""
        return sum(getattr(self, f.name) for f in fields(self))


def peak_memory(recipe: Recipe, batch: Batch, machine: Machine, precision: str, execution: Execution) -> Memory:
    """The highest of three moments: after the forward pass and the loss, after the backward pass, in the update."""
    config = recipe.model
    counts, state = count_parameters(config), optimizer_state(config, recipe.optimizer)
    sharded = recipe.layout.data == "fsdp" and batch.devices > 1
    shards = recipe.layout.tensor * (batch.devices if sharded else 1)
    kind = activations_of(precision, machine.device)
    saved = saved_for_backward(config, batch, kind, separate=recipe.data.documents == "separate")
    kept, casts = saved.total - saved.weight_casts, saved.weight_casts
    if execution.checkpoint != "none":
        kept = checkpointed(config, batch, kind.number, execution.checkpoint)
    if sharded:
        casts = _gathered(counts, config, kind.number)
    whole = float(_FLOAT32 * counts.total)
    gradients = whole / shards
    loss = loss_bytes(config, batch, kind.number, execution)
    held = gradients * (batch.accumulation > 1)
    working = block_working(config, batch, kind.number)
    moments = [
        # activations, casts, loss, gradients, working
        (kept, casts, loss, held, working if execution.checkpoint == "none" else saved.total / _blocks(config)),
        (0.0, 0.0, 0.0, gradients, _tied_gradient(config)),
        (0.0, 0.0, 0.0, gradients, state.working),
    ]
    activations, casts, loss, gradients, working = max(moments, key=sum)
    passing = activations + casts + loss + working
    return Memory(
        weights=whole / shards,
        gradients=gradients,
        optimizer=state.moments / shards,
        preconditioners=state.preconditioners / shards,
        activations=activations,
        weight_casts=casts,
        loss=loss,
        working=working,
        data=float(3 * _INT64 * batch.rows * batch.accumulation),
        slack=passing * _slack(recipe, machine),
        base=machine.base,
    )


def _slack(recipe: Recipe, machine: Machine) -> float:
    if machine.device != "cpu":
        return _CACHE_SLACK
    allocates = recipe.optimizer.kind in ("muon", "soap", "shampoo")
    return _HEAP_SLACK_OF_MATRIX_RULES if allocates else _HEAP_SLACK


def loss_bytes(config: TransformerConfig, batch: Batch, number: int, execution: Execution) -> float:
    """Logits, their gradients, and what the head needs, at the moment when most of it is there."""
    rows, V, D = batch.rows, config.vocab_size, config.d_model
    # The gradient of the head, what is added to it at once, and in lower precision that widened and the weight cast.
    at_once = min(V, COLUMNS) if execution.loss == "chunked" else V
    is_cast = number < _FLOAT32
    head = V * D * (_FLOAT32 + number * is_cast) + at_once * D * (number + _FLOAT32 * is_cast)
    if execution.loss == "chunked":
        chunk = min(rows, chunk_rows(V)) * V
        return float(head + chunk * 2 * (_FLOAT32 + number) + 2 * rows * D * number)
    # Full: softmax, its incoming and its outgoing gradient in float32; fused: logits and gradient as they are.
    logits = 3 * _FLOAT32 if execution.loss == "full" else 2 * number
    return float(rows * V * logits + 2 * rows * D * number)


def block_working(config: TransformerConfig, batch: Batch, number: int) -> float:
    """Gradients inside a block: two of the inner width, four of the stream's, and one matrix in both precisions."""
    D, F = config.d_model, config.feed_forward.d_ff
    return float(batch.rows * number * (2 * F + 4 * D) + D * F * (number + _FLOAT32))


def _tied_gradient(config: TransformerConfig) -> float:
    """The embedding's look-up has a whole gradient of its own before it is added to the head's."""
    tied = config.head is not None and config.head.tied
    return float(_FLOAT32 * config.vocab_size * config.d_model * tied)


def _gathered(counts: Parameters, config: TransformerConfig, number: int) -> float:
    """Two blocks (one ahead of use) and the outermost group, whole, and a block's gradient before it is scattered."""
    block = (counts.attention + counts.feed_forward) / _blocks(config)
    outer = counts.embedding + counts.head
    return number * (2 * block + outer) + _FLOAT32 * block


def _blocks(config: TransformerConfig) -> int:
    return config.num_layers + config.num_encoder_layers
