"""Snapshots from any layout into any other."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from eigenlm.errors import CheckpointError
from eigenlm.machine.processes import Ranks
from eigenlm.training.optimizers.catalog import OPTIMIZERS
from eigenlm.training.recipe import LayoutRecipe
from eigenlm.training.snapshot_files import (
    load_model_and_optimizer_,
    load_state,
    model_and_optimizer_tensors,
    save_state,
    saved_tensors,
)
from tests.training.parallel.tiny_training import QWEN, start, train
from tests.training.parallel.two_ranks import digest

Seen = tuple[Path, dict[str, Any]]
ALONE = Ranks()


def test_two_ranks_to_one_to_two_is_bit_equal(two_ranks: Seen) -> None:
    digests = two_ranks[1]["digests"]
    assert set(digests) == {"fsdp", "one", "fsdp again", "copies", "tensor"}
    assert len(set(digests.values())) == 1


@pytest.mark.parametrize("layout", ["fsdp", "one", "again", "copies", "tensor"])
def test_what_ranks_wrote_this_process_reads(two_ranks: Seen, layout: str) -> None:
    run = start(QWEN, LayoutRecipe(), ALONE, seed=2)
    load_model_and_optimizer_(two_ranks[0] / layout, run.model, run.optimizer, ALONE)
    assert digest(model_and_optimizer_tensors(run.model, run.optimizer)) == two_ranks[1]["digests"]["fsdp"]


def test_shards_are_halves(two_ranks: Seen) -> None:
    name = "model.blocks.0.attention.query.weight"  # (32, 31)
    pieces = []
    for path in sorted((two_ranks[0] / "fsdp").iterdir()):
        assert path.suffix == ".safetensors"  # no pickle beside them
        with safe_open(path, "pt") as file:
            pieces.append(file.get_tensor(name))
    assert [tuple(piece.shape) for piece in pieces] == [(16, 31), (16, 31)]
    whole = {name: torch.empty(32, 31)}
    load_state(two_ranks[0] / "tensor", whole, ALONE)
    assert torch.equal(torch.cat(pieces), whole[name])


def test_a_copy_is_written_once(two_ranks: Seen) -> None:
    names: list[str] = []
    for path in (two_ranks[0] / "copies").iterdir():
        with safe_open(path, "pt") as file:
            names += list(file.keys())
    assert sorted(names) == sorted(saved_tensors(two_ranks[0] / "copies"))


def test_every_type_and_form_comes_back_bit_for_bit(tmp_path: Path) -> None:
    wide = torch.randn(6, 8)
    tensors = {
        "number": torch.tensor(3.5),
        "random": torch.get_rng_state(),
        "half": torch.randn(5).bfloat16(),
        "count": torch.tensor([2**62 + 1]),
        "double": torch.tensor([1 / 3], dtype=torch.float64),
        "odd": torch.tensor([float("nan"), -0.0, float("inf")]),
        "columns": wide[:, 2:5],
        "turned": wide.mT,
        "wide": wide,
        "same as wide": wide,
        "true": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
    }
    save_state(tmp_path, tensors, ALONE)
    back = {name: torch.zeros_like(tensor, memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    load_state(tmp_path, back, ALONE)
    for name, tensor in tensors.items():
        bits = [hashlib.sha256(t.contiguous().flatten().view(torch.uint8).numpy()) for t in (tensor, back[name])]
        assert bits[0].digest() == bits[1].digest(), name


def test_an_optimizer_that_was_filled_goes_on_as_the_other(tmp_path: Path) -> None:
    old = train(QWEN, LayoutRecipe(), ALONE, steps=3)
    save_state(tmp_path, model_and_optimizer_tensors(old.model, old.optimizer), ALONE)
    new = start(QWEN, LayoutRecipe(), ALONE, seed=3)
    load_model_and_optimizer_(tmp_path, new.model, new.optimizer, ALONE)
    for run in (old, new):
        run.optimizer.param_groups[0]["lr"] = 1e-3  # the schedule's, no tensor
        for parameter in run.model.parameters():
            parameter.grad = torch.full_like(parameter, 0.01)
        run.optimizer.step()
    assert digest(model_and_optimizer_tensors(old.model, old.optimizer)) == digest(
        model_and_optimizer_tensors(new.model, new.optimizer)
    )


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_sharded_runs_of_every_optimizer_go_on(two_ranks: Seen, kind: str) -> None:
    one, other = two_ranks[1]["goes on"][kind]
    assert one == other


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ({"b": torch.zeros(2)}, "none of that name"),
        ({"a": torch.zeros(3)}, r"torch.float32 of \(2,\)"),
        ({"a": torch.zeros(2, dtype=torch.float64)}, r"torch.float32 of \(2,\)"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, wanted: dict[str, torch.Tensor], got: str) -> None:
    save_state(tmp_path, {"a": torch.ones(2)}, ALONE)
    with pytest.raises(CheckpointError, match=got):
        load_state(tmp_path, wanted, ALONE)


def test_a_truncated_file_is_told(tmp_path: Path) -> None:
    save_state(tmp_path, {"a": torch.ones(200)}, ALONE)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="expected whole files"):
        load_state(tmp_path, {"a": torch.zeros(200)}, ALONE)


def test_a_lost_file_is_told(two_ranks: Seen, tmp_path: Path) -> None:
    first = min((two_ranks[0] / "fsdp").iterdir())
    (tmp_path / first.name).write_bytes(first.read_bytes())
    run = start(QWEN, LayoutRecipe(), ALONE)
    with pytest.raises(CheckpointError, match="expected"):
        load_model_and_optimizer_(tmp_path, run.model, run.optimizer, ALONE)
