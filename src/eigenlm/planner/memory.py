"""The most memory a step holds at once, by part."""

from dataclasses import dataclass, fields

import torch

from eigenlm.model import TransformerConfig
from eigenlm.planner.execution import Execution
from eigenlm.planner.machine import Machine
from eigenlm.training.batch_sizes import BatchSizes
from eigenlm.training.losses import COLUMNS, chunk_rows
from eigenlm.training.optimizers.build import update_costs
from eigenlm.training.optimizers.costs import UpdateCosts
from eigenlm.training.parameters import Parameters, count_parameters, head_is_tied
from eigenlm.training.recipe import Recipe
from eigenlm.training.tally import BlockTally, bytes_saved, forward_tally, model_without_memory

_FLOAT32, _INT64 = 4, 8
# What malloc holds beyond what is alive: holes that activations leave between what stays, more of them where the
# optimizer's step allocates as well. Fitted on this project's own runs (benchmarks/planner.py says which).
_HEAP_SLACK, _HEAP_SLACK_OF_MATRIX_RULES = 0.25, 0.75
# What CUDA's caching allocator reserves beyond what is alive, a usual figure.
_CACHE_SLACK = 0.05


@dataclass(frozen=True, kw_only=True)
class MemoryForecast:
    """Bytes of one device at the highest moment of a step.

    Attributes:
        weights: float32 parameters, or a device's shard of them.
        gradients: float32, as many as there are at that moment.
        optimizer: what it remembers from step to step.
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


def peak_memory(
    recipe: Recipe, batch: BatchSizes, machine: Machine, precision: str, execution: Execution
) -> MemoryForecast:
    """The highest of three moments: after the forward pass and the loss, after the backward pass, in the update."""
    config, number = recipe.model, 2 if precision == "bfloat16" else _FLOAT32
    counts, costs = count_parameters(config), update_costs(model_without_memory(config), recipe.optimizer.kind)
    sharded = recipe.layout.data == "fsdp" and batch.devices > 1
    shards = recipe.layout.tensor * (batch.devices if sharded else 1)
    kept, casts = map(float, saved_for_backward(recipe, batch, machine, number))
    blocks = forward_tally(config, batch, number)[0].blocks
    working = block_working(config, batch, number)
    if execution.checkpoint != "none":
        working = (kept + casts) / len(blocks)
        kept = float(sum(block_checkpoint(block, execution.checkpoint) for block in blocks))
    if sharded:
        casts = _gathered(counts, len(blocks), number)
    whole, tied = float(_FLOAT32 * counts.total), head_is_tied(model_without_memory(config))
    gradients = whole / shards
    # The look-up of a tied embedding has a whole gradient of its own before it is added to the head's.
    looked_up = float(_FLOAT32 * config.vocab_size * config.d_model * tied)
    moments = [
        # activations, casts, loss, gradients, working
        (kept, casts, loss_bytes(config, batch, number, execution), gradients * (batch.accumulation > 1), working),
        (0.0, 0.0, 0.0, gradients, looked_up),
        (0.0, 0.0, 0.0, gradients, float(_FLOAT32 * costs.working)),
    ]
    activations, casts, loss, gradients, working = max(moments, key=sum)
    passing = activations + casts + loss + working
    return MemoryForecast(
        weights=whole / shards,
        gradients=gradients,
        optimizer=_FLOAT32 * costs.kept / shards,
        activations=activations,
        weight_casts=casts,
        loss=loss,
        working=working,
        data=float(3 * _INT64 * batch.rows * batch.accumulation),
        slack=passing * _slack(costs, machine),
        base=machine.base,
    )


def saved_for_backward(recipe: Recipe, batch: BatchSizes, machine: Machine, number: int) -> tuple[int, int]:
    """Bytes that a micro-batch's pass leaves for its backward pass, and of low-precision copies of weights."""
    on_processor = machine.device == "cpu"
    half = torch.bfloat16 if on_processor else torch.float16  # float16 is attended to in one operation, as there
    return bytes_saved(
        recipe.model,
        batch,
        half if number < _FLOAT32 else None,
        fused_norms=number < _FLOAT32 and not on_processor,
        separate=recipe.data.documents == "separate",
    )


def block_checkpoint(block: BlockTally, checkpoint: str) -> int:
    """Bytes kept of a block: its input and, if `selective`, its attention and every second product."""
    kept = sum(size for size, _ in block.products[::2]) + block.attention
    return block.input + kept * (checkpoint == "selective")


def _slack(costs: UpdateCosts, machine: Machine) -> float:
    if machine.device != "cpu":
        return _CACHE_SLACK
    return _HEAP_SLACK_OF_MATRIX_RULES if costs.working else _HEAP_SLACK


def loss_bytes(config: TransformerConfig, batch: BatchSizes, number: int, execution: Execution) -> float:
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


def block_working(config: TransformerConfig, batch: BatchSizes, number: int) -> float:
    """Gradients inside a block: two of the inner width, four of the stream's, and one matrix in both precisions."""
    largest = count_parameters(config).largest_matrix
    return float(
        batch.rows * number * (2 * largest / config.d_model + 4 * config.d_model) + largest * (number + _FLOAT32)
    )


def _gathered(counts: Parameters, blocks: int, number: int) -> float:
    """Two blocks (one ahead of use) and the outermost group, whole, and a block's gradient before it is scattered."""
    block = (counts.attention + counts.feed_forward) / blocks
    return number * (2 * block + counts.embedding + counts.head) + _FLOAT32 * block
