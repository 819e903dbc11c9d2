"""What a training run will be and need, told before anything is allocated."""

from dataclasses import dataclass, replace

from eigenlm.errors import ConfigError, explain
from eigenlm.planner.execution import Execution, execution_of
from eigenlm.planner.machine import Machine, faster_precision, measure_machine
from eigenlm.planner.memory import MemoryForecast, peak_memory
from eigenlm.planner.step_time import StepTime, step_time
from eigenlm.training.batch_sizes import BatchSizes, batch_of
from eigenlm.training.flops import Flops, count_flops
from eigenlm.training.parameters import Parameters, count_parameters
from eigenlm.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A run on a machine.

    Attributes:
        recipe: what is run.
        machine: where.
        precision: of activations.
        batch: of one device and micro-batch.
        parameters: by part.
        flops: of one micro-batch.
        memory: of one device, bytes at the highest moment.
        time: of one optimizer step, seconds.
        advice: what to do if it does not fit, else empty.
        corpus_tokens: tokens there are to learn from, if known.
    """

    recipe: Recipe
    machine: Machine
    precision: str
    batch: BatchSizes
    parameters: Parameters
    flops: Flops
    memory: MemoryForecast
    time: StepTime
    advice: str
    corpus_tokens: int | None

    @property
    def fits(self) -> bool:
        """Whether a device has the memory, with a seventh to spare."""
        return enough(self.memory, self.machine)

    @property
    def tokens(self) -> int:
        """Tokens the whole run learns from."""
        return self.batch.tokens_a_step * self.recipe.train.steps

    @property
    def total_flops(self) -> float:
        """Of the whole run, causal attention halved."""
        return self.flops.step * self.tokens / self.flops.tokens

    @property
    def epochs(self) -> float | None:
        """How often each token of the corpus is seen, if its size is known."""
        return None if not self.corpus_tokens else self.tokens / self.corpus_tokens

    @property
    def tokens_a_second(self) -> float:
        """Of all devices together."""
        return self.batch.tokens_a_step / self.time.total

    @property
    def seconds(self) -> float:
        """Of all steps, without evaluations and snapshots."""
        return self.time.total * self.recipe.train.steps


def forecast(
    recipe: Recipe,
    machine: Machine | None = None,
    corpus_tokens: int | None = None,
    execution: Execution | None = None,
) -> Forecast:
    """Parameters, operations, memory and time of a recipe, from its numbers alone.

    Args:
        recipe: the run.
        machine: where; None measures this one for a second.
        corpus_tokens: tokens there are to learn from.
        execution: how it is carried out; None for what `eigenlm train` does.

    Raises:
        ConfigError: more devices than texts to share, or a layout that does not divide them.
    """
    machine = measure_machine() if machine is None else machine
    execution = execution_of(recipe) if execution is None else execution
    if machine.devices % recipe.layout.tensor:
        expected = f"a divisor of {machine.devices} devices"
        raise ConfigError(explain("layout.tensor", expected=expected, got=recipe.layout.tensor))
    precision = faster_precision(machine) if recipe.train.precision == "auto" else recipe.train.precision
    batch = batch_of(recipe, machine.devices)
    memory = peak_memory(recipe, batch, machine, precision, execution)
    return Forecast(
        recipe=recipe,
        machine=machine,
        precision=precision,
        batch=batch,
        parameters=count_parameters(recipe.model),
        flops=count_flops(recipe.model, batch),
        memory=memory,
        time=step_time(recipe, batch, machine, precision, execution),
        advice="" if enough(memory, machine) else advice(recipe, batch, machine, precision, execution),
        corpus_tokens=corpus_tokens,
    )


def enough(memory: MemoryForecast, machine: Machine) -> bool:
    """Whether it fits, and would if the forecast were 15 % too low, as in the worst case of benchmarks/planner.py."""
    return 1.15 * memory.total <= machine.memory


def advice(recipe: Recipe, batch: BatchSizes, machine: Machine, precision: str, execution: Execution) -> str:
    """What to change so that a run which is too large fits: the first of these that does."""
    texts = batch.texts // 2
    while texts >= 1:
        smaller = replace(batch, texts=texts, accumulation=-(-batch.texts * batch.accumulation // texts))
        if enough(peak_memory(recipe, smaller, machine, precision, execution), machine):
            return f"set train.micro_batch_size={texts} (now {batch.texts}): the batch stays, its activations shrink"
        texts //= 2
    if batch.devices > 1 and recipe.layout.data == "ddp":
        return "set layout.data=fsdp: weights, gradients and optimizer are shared by the devices"
    return "take fewer or narrower layers or a shorter model.context_length, or more devices with layout.data=fsdp"
