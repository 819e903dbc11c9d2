"""How long a step takes, by part."""

from dataclasses import dataclass, fields, replace

from eigenlm.planner.execution import Execution
from eigenlm.planner.machine import Machine, Rates, faster_precision
from eigenlm.planner.work import backward_work, forward_work, loss_work, update_work
from eigenlm.training.batch_sizes import BatchSizes
from eigenlm.training.optimizers.build import update_costs
from eigenlm.training.optimizers.costs import UpdateCosts
from eigenlm.training.parameters import count_parameters
from eigenlm.training.recipe import Recipe
from eigenlm.training.tally import model_without_memory

# A block in float8 against bfloat16, scaling and casts included: fitted on torchtitan's row of 8 H100.
FLOAT8_GAIN = 1.5
# Of the rates that operations reach one by one, a processor keeps so much when a step runs them one after the other and
# each finds the caches full of the last one's numbers. Fitted on eleven configurations of benchmarks/planner.py, where
# it was 0.77 to 0.98. Clusters' rates are those of a step already.
_KEPT = 0.90


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """Seconds of an optimizer step.

    Attributes:
        forward: of all micro-batches.
        loss: of all micro-batches, gradients of the head included.
        backward: of all micro-batches, what is computed again included.
        update: clipping and the optimizer.
        exchange: of weights and gradients between devices, where it is not hidden behind products.
    """

    forward: float
    loss: float
    backward: float
    update: float
    exchange: float

    @property
    def total(self) -> float:
        """All of it."""
        return sum(getattr(self, f.name) for f in fields(self))


def step_time(recipe: Recipe, batch: BatchSizes, machine: Machine, precision: str, execution: Execution) -> StepTime:
    """Work divided by rates, and the exchange that work does not hide."""
    config, number = recipe.model, 4 if precision == "float32" else 2
    rates = machine.rates(precision)
    kept = _KEPT if machine.device == "cpu" else 1.0
    blocks = replace(rates, products=rates.products * FLOAT8_GAIN) if execution.float8 else rates
    micro, tensor = batch.accumulation, recipe.layout.tensor
    shards = tensor * (batch.devices if recipe.layout.data == "fsdp" else 1)
    costs = update_costs(model_without_memory(config), recipe.optimizer.kind)
    update = update_work(config, costs, shards, leave=float(recipe.optimizer.clip > 0))
    forward = forward_work(config, batch, number, execution).seconds(machine, blocks) * micro / tensor / kept
    backward = backward_work(config, batch, number, execution).seconds(machine, blocks) * micro / tensor / kept
    return StepTime(
        forward=forward,
        loss=loss_work(config, batch, number, execution).seconds(machine, rates) * micro / tensor / kept,
        backward=backward,
        update=update.seconds(machine, _update_rates(costs, machine)) / kept,
        exchange=exposed_exchange(recipe, batch, machine, number, forward + backward),
    )


def _update_rates(costs: UpdateCosts, machine: Machine) -> Rates:
    return machine.rates(faster_precision(machine) if costs.fast_flops else "float32")


def exposed_exchange(recipe: Recipe, batch: BatchSizes, machine: Machine, number: int, hiding: float) -> float:
    """Seconds of collectives that are not overlapped with `hiding` seconds of blocks.

    FSDP gathers all weights for the forward pass and again for the backward pass, and scatters the sums of gradients in
    float32; DDP reduces gradients, which moves them twice. A ring moves (n - 1) / n of the bytes over each link. All
    runs beside the blocks but the first gathering and the last scattering, of embedding and head.
    """
    n = batch.devices
    if n == 1:
        return 0.0
    counts = count_parameters(recipe.model)
    outer = (counts.embedding + counts.head) / counts.total
    fsdp = recipe.layout.data == "fsdp"
    bytes_moved = counts.total * ((2 * number + 4) if fsdp else 8) / recipe.layout.tensor
    seconds = bytes_moved * (n - 1) / n / ring_bandwidth(machine)
    return outer * seconds + max(0.0, (1 - outer) * seconds - hiding)


def ring_bandwidth(machine: Machine) -> float:
    """Bytes a second of a ring: within a node its links; beyond, all network ports of a node together, if fewer."""
    if machine.devices <= machine.devices_a_node:
        return machine.link
    return min(machine.link, machine.network * machine.devices_a_node)
