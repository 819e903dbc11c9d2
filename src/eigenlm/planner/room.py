"""Whether a run has the memory that it will need, asked before it is begun."""

import math
import os

import psutil

from eigenlm.machine.memory import check_memory, free_memory
from eigenlm.machine.processes import Ranks
from eigenlm.planner.forecast import advice, job_of
from eigenlm.planner.machine import Machine, Rates
from eigenlm.planner.memory import peak_memory
from eigenlm.training.recipe import Recipe

_AT_ONCE = Rates(**dict.fromkeys(Rates.__dataclass_fields__, math.inf))


def check_run(recipe: Recipe, ranks: Ranks) -> None:
    """Refuse a run that would not fit, by what its steps hold at most.

    Args:
        recipe: with its precision decided, and the vocabulary of its tokenizer.
        ranks: that share it; those of one machine share its memory.

    Raises:
        ConfigError: the message says what is needed, what is free, and what to change.
    """
    on_processor = ranks.device.type == "cpu"
    local = int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if on_processor else 1
    held = float(psutil.Process().memory_info().rss if on_processor else 0)
    machine = Machine(
        name="this machine",
        device="cpu" if on_processor else "cuda",
        devices=ranks.size,
        devices_a_node=local,
        float32=_AT_ONCE,
        bfloat16=_AT_ONCE,
        softmax=math.inf,
        updated=math.inf,
        call=0.0,
        memory=free_memory(ranks.device) / local + held,
        base=held,
    )
    job = job_of(recipe, machine)
    needed = int(peak_memory(job).total - held) * local
    do = advice(job) or "free some"
    check_memory(needed, ranks.device, f"training {recipe.name}", do)
