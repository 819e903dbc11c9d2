"""Two processes that share every matrix (FSDP2) read what one process reads."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from tests.training.free_port import free_port
from torch import nn
from torch.distributed.fsdp import fully_shard

from eigenlm.errors import ConfigError
from eigenlm.machine.processes import join_ranks
from eigenlm.training.recipe import TelemetryRecipe
from eigenlm.training.telemetry import Telemetry

RECIPE = TelemetryRecipe(every=2, spectrum_every=2)
STEPS = 6


def read(sharded):
    """Readings of a small regression, with a state saved and loaded on the way."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 33), nn.Tanh(), nn.Linear(33, 5))
    if sharded:
        fully_shard(model)
    watch = Telemetry(model, RECIPE)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    readings = []
    for step in range(1, STEPS + 1):
        x = torch.randn(16, 7, generator=torch.Generator().manual_seed(step))
        model(x).square().mean().backward()
        watch.before_step(step)
        optimizer.step()
        optimizer.zero_grad()
        readings.append(watch.after_step(step))
        state = watch.state_dict()
        watch = Telemetry(model, RECIPE)
        watch.load_state_dict(state)
    if sharded:
        with pytest.raises(ConfigError, match="shards"):
            Telemetry(model, TelemetryRecipe(hessian_every=1), probe=lambda: torch.zeros(()))
    return [asdict(reading) for reading in readings if reading is not None]


def rank_main(rank: int, port: int, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    with join_ranks():
        Path(folder, f"{rank}.json").write_text(json.dumps(read(sharded=True)))


def flatten(values, path=""):
    if isinstance(values, dict):
        return {k: v for key, value in values.items() for k, v in flatten(value, f"{path}/{key}").items()}
    return {path: values}


def test_shards_read_as_the_whole(tmp_path):
    torch.multiprocessing.spawn(rank_main, (free_port(), str(tmp_path)), nprocs=2)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    for mine, theirs in zip(read(sharded=False), first, strict=True):
        mine, theirs = flatten(mine), flatten(theirs)
        assert mine.keys() == theirs.keys()
        for path, value in mine.items():
            # float32: sums run in another order, and the ratio of two small differences doubles what that costs
            assert theirs[path] == (pytest.approx(value, rel=1e-4) if isinstance(value, float) else value), path
