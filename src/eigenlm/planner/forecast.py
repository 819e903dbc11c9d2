"""What a training run will be and need, told before anything is allocated."""

from dataclasses import dataclass, replace

from eigenlm.errors import ConfigError, explain
from eigenlm.machine.processes import num_ranks
from eigenlm.planner.job import Execution, Job, Parts
from eigenlm.planner.machine import Machine, measure_machine
from eigenlm.planner.memory import peak_memory
from eigenlm.planner.step_time import step_time
from eigenlm.training.batch_sizes import batch_of
from eigenlm.training.flops import Flops, count_flops
from eigenlm.training.parameters import count_parameters
from eigenlm.training.recipe import Recipe

# A device has to hold so much more than is forecast: benchmarks/planner.py has seen 15 % too little.
_SPARE = 1.15


@dataclass(frozen=True, kw_only=True)
class Forecast(Job):
    """A job and what it needs.

    Attributes:
        flops: of one micro-batch.
        memory: of one device, bytes at the highest moment.
        time: of one optimizer step, seconds.
        advice: what to do if it does not fit, else empty.
        corpus_tokens: tokens there are to learn from, if known.
    """

    flops: Flops
    memory: Parts
    time: Parts
    advice: str
    corpus_tokens: int | None

    @property
    def fits(self) -> bool:
        """Whether a device has the memory, with a seventh to spare."""
        return not self.advice

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
        recipe: the job.
        machine: where; None measures this one for a second, shared by the ranks of torchrun or, without it, by the
            fewest that the layout takes.
        corpus_tokens: tokens there are to learn from.
        execution: how it is carried out; None for what `eigenlm train` does.

    Raises:
        ConfigError: more devices than texts to share, or a layout that does not divide them.
    """
    machine = machine or measure_machine(processes=max(num_ranks(), recipe.layout.tensor))
    job = job_of(recipe, machine, execution)
    return Forecast(
        **vars(job),
        flops=count_flops(recipe.model, job.batch),
        memory=peak_memory(job),
        time=step_time(job),
        advice=advice(job),
        corpus_tokens=corpus_tokens,
    )


def job_of(recipe: Recipe, machine: Machine, execution: Execution | None = None) -> Job:
    """A recipe on a machine; arguments and errors as of `forecast`."""
    if machine.devices % recipe.layout.tensor:
        expected = f"a divisor of {machine.devices} devices"
        raise ConfigError(explain("layout.tensor", expected=expected, got=recipe.layout.tensor))
    return Job(
        recipe=recipe,
        machine=machine,
        execution=execution or Execution(compiled=recipe.train.compile),
        precision=machine.faster_precision if recipe.train.precision == "auto" else recipe.train.precision,
        batch=batch_of(recipe, machine.devices),
        parameters=count_parameters(recipe.model),
    )


def advice(job: Job) -> str:
    """What to change so that a run fits: nothing, or the first of these that does."""
    batch = job.batch
    for texts in (batch.texts >> halvings for halvings in range(batch.texts.bit_length())):
        smaller = replace(batch, texts=texts, accumulation=-(-batch.texts * batch.accumulation // texts))
        if _SPARE * peak_memory(replace(job, batch=smaller)).total <= job.machine.memory:
            now = f"set train.micro_batch_size={texts} (now {batch.texts}): the batch stays, its activations shrink"
            return "" if texts == batch.texts else now
    if batch.devices > 1 and job.recipe.layout.data == "ddp":
        return "set layout.data=fsdp: weights, gradients and optimizer are shared by the devices"
    return "take fewer or narrower layers or a shorter data.context_length, or more devices with layout.data=fsdp"
