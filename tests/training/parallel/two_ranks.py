"""What two processes do for the tests beside this file: one start for all of it, because a start takes seconds.

`python -m tests.training.parallel.two_ranks FOLDER`, with torchrun's variables in the environment.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from eigenlm.errors import ConfigError
from eigenlm.machine.processes import Ranks, join_ranks
from eigenlm.training.optimizers.catalog import OPTIMIZERS
from eigenlm.training.recipe import LayoutRecipe
from eigenlm.training.snapshot_files import load_model_and_optimizer_, model_and_optimizer_tensors, save_state
from tests.training.parallel.command_of_two import train_in_every_layout, train_until_killed
from tests.training.parallel.tiny_training import MODELS, Run, go_on, start, train
from tests.training.tiny_run import write_documents

# Of the plainer model, fewer: tensor parallel spends tens of milliseconds a step on a model this small.
STEPS = {"gpt": 15, "qwen": 50}
FSDP, COPIES, TENSOR = LayoutRecipe(data="fsdp"), LayoutRecipe(data="ddp"), LayoutRecipe(tensor=2)


def digest(tensors: dict[str, Tensor]) -> str:
    """sha256 of the whole tensors, however they lie on the ranks."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        total.update(name.encode() + whole.detach().contiguous().numpy().tobytes())
    return total.hexdigest()


def talk(ranks: Ranks) -> dict[str, Any]:
    """What the ranks hear from each other."""
    x = torch.tensor([1.0, 2.0]) + 10 * ranks.rank
    return {
        "gathered": ranks.gather({"rank": ranks.rank, "words": ["é"] * (1 + 40 * ranks.rank)}),
        "broadcast": ranks.broadcast(["from", ranks.rank]),
        "sum": ranks.sum(x).tolist(),
        "mean": ranks.mean(x).tolist(),
        "unchanged": x.tolist(),
        "data": [ranks.data_rank, ranks.data_size],
    }


def mean_that_is_scattered(ranks: Ranks) -> list[float]:
    """reduce_scatter with AVG, which FSDP stands on."""
    mine = torch.zeros(2)
    dist.reduce_scatter_tensor(mine, torch.arange(4.0) * (1 + ranks.rank), op=dist.ReduceOp.AVG)
    return [float(x) for part in ranks.gather(mine.tolist()) for x in part]


def refusal(layout: LayoutRecipe, ranks: Ranks) -> str:
    """The message for a layout that does not fit."""
    try:
        start(MODELS["gpt"], layout, ranks)
    except ConfigError as error:
        return str(error)
    return ""


def save(folder: Path, run: Run, ranks: Ranks) -> str:
    """Write a snapshot; the digest of what was in memory."""
    if ranks.is_first:
        folder.mkdir()
    ranks.barrier()
    tensors = model_and_optimizer_tensors(run.model, run.optimizer)
    save_state(folder, tensors, ranks)
    ranks.barrier()
    return digest(tensors)


def loaded(folder: Path, layout: LayoutRecipe, ranks: Ranks) -> Run:
    """A run with other weights and no moments, filled from a snapshot."""
    run = start(MODELS["qwen"], layout, ranks, seed=1)
    load_model_and_optimizer_(folder, run.model, run.optimizer, ranks)
    return run


def goes_on(folder: Path, kind: str, ranks: Ranks) -> tuple[str, str]:
    """Digests after three steps: of one run, and of another that takes over after the second."""
    first = go_on(start(MODELS["qwen"], FSDP, ranks, kind=kind), ranks, range(2))
    save(folder / kind, first, ranks)
    second = start(MODELS["qwen"], FSDP, ranks, seed=1, kind=kind)
    load_model_and_optimizer_(folder / kind, second.model, second.optimizer, ranks)
    runs = [go_on(run, ranks, range(2, 3)) for run in (first, second)]
    one, other = (digest(model_and_optimizer_tensors(run.model, run.optimizer)) for run in runs)
    return one, other


def work(folder: Path) -> dict[str, Any]:
    """Everything, first as (data 2, tensor 1), then as (data 1, tensor 2)."""
    seen: dict[str, Any] = {"runs": {}, "digests": {}}

    def note(name: str, run: Run) -> None:
        seen["runs"][name] = {"losses": run.losses, "norms": run.norms}

    with join_ranks() as ranks:
        seen["talk"] = ranks.gather(talk(ranks))
        seen["scattered_mean"] = mean_that_is_scattered(ranks)
        seen["refusal"] = refusal(TENSOR, ranks)
        for name, config in MODELS.items():
            note(f"{name} copies", train(config, COPIES, ranks, STEPS[name]))
            run = train(config, FSDP, ranks, STEPS[name])
            note(f"{name} shards", run)
        for name, layout in {"copies": COPIES, "shards": FSDP}.items():
            note(f"qwen {name} accumulated", train(MODELS["qwen"], layout, ranks, 5, micro_batches=2))
        digests = seen["digests"]
        digests["fsdp"] = save(folder / "fsdp", run, ranks)
        if ranks.is_first:
            alone = Ranks()
            digests["one"] = save(folder / "one", loaded(folder / "fsdp", LayoutRecipe(), alone), alone)
        ranks.barrier()
        digests["fsdp again"] = save(folder / "again", loaded(folder / "one", FSDP, ranks), ranks)
        digests["copies"] = save(folder / "copies", loaded(folder / "again", COPIES, ranks), ranks)
        seen["goes on"] = {kind: goes_on(folder, kind, ranks) for kind in OPTIMIZERS}
    with join_ranks(tensor=2) as ranks:
        seen["talk in a row"] = ranks.gather(talk(ranks))
        for name, config in MODELS.items():
            note(f"{name} matrices", train(config, TENSOR, ranks, STEPS[name]))
        note("qwen matrices accumulated", train(MODELS["qwen"], TENSOR, ranks, 5, micro_batches=2))
        digests["tensor"] = save(folder / "tensor", loaded(folder / "copies", TENSOR, ranks), ranks)
    return seen


if __name__ == "__main__":
    out = Path(sys.argv[1])
    everything = work(out)
    everything["commands"] = train_in_every_layout(write_documents(out), out / "commands")
    if os.environ["RANK"] == "0":
        (out / "seen.json").write_text(json.dumps(everything))
    train_until_killed(out / "documents.jsonl", out / "killed")
