"""Optimizers on parameters sharded over two processes (FSDP2) beside one process."""

import os
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard

from eigenlm.machine.processes import join_ranks
from eigenlm.training.optimizers.build import build_optimizer
from eigenlm.training.optimizers.sharded import whole
from eigenlm.training.recipe import OptimizerRecipe
from tests.training.free_port import free_port

KINDS = ["muon", "soap", "shampoo", "adamw"]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    # Five rows over two ranks: uneven shards. The embedding, norm and biases are AdamW's.
    return nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 5), nn.LayerNorm(5), nn.Linear(5, 7, bias=False))


def train(module: nn.Module, kind: str) -> dict[str, Tensor]:
    optimizer = build_optimizer(module, OptimizerRecipe(kind=kind, learning_rate=0.01))
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        # Every rank has the same data, so that the mean over ranks is each one's gradient.
        module(torch.randint(0, 9, (16,), generator=generator)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return {f"{kind}.{name}": whole(p.detach()).clone() for name, p in module.named_parameters()}


def rank_main(rank: int, port: int, file: Path) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    results: dict[str, Tensor] = {}
    with join_ranks() as ranks:
        assert ranks.mesh is not None
        for kind in KINDS:
            module = network()
            fully_shard(module, mesh=ranks.mesh["data"])
            results |= train(module, kind)
    if ranks.is_first:
        save_file(results, file)


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """Weights after four steps on two ranks, by optimizer and name."""
    file = tmp_path_factory.mktemp("sharded") / "weights.safetensors"
    mp.spawn(rank_main, (free_port(), file), nprocs=2)
    return load_file(file)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_one_process(kind: str, sharded: dict[str, Tensor]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    alone = train(network(), kind)
    torch.set_num_threads(threads)
    for name, weight in alone.items():
        # Shards lie at other addresses, and on some processors that alone moves the last bit of a vectorized kernel.
        assert torch.allclose(weight, sharded[name], rtol=1e-6, atol=1e-7), name
