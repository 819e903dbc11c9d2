"""Tensors of a run in the files of a snapshot: written by any number of ranks, read by any other."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.optim import Optimizer

from eigenlm.checkpoint.safetensors_writer import save_tensors
from eigenlm.errors import CheckpointError, explain
from eigenlm.machine.processes import Ranks
from eigenlm.training.optimizers.combined import CombinedOptimizer
from eigenlm.training.optimizers.matrix_rule import PreconditionedRule


def save_state(folder: Path, tensors: Mapping[str, Tensor], ranks: Ranks) -> None:
    """Write tensors as safetensors, each rank the parts that it alone has and its share of what all have.

    Every rank calls it; on return this rank's files are written, though perhaps not yet on the disk. Stands on torch's
    distributed checkpoint, with its files of safetensors: that of pickle is never written. A single process needs no
    plan for it, and writes the file itself, which is several times as fast.

    Args:
        folder: there, empty, and the same on all ranks.
        tensors: by name; of a DTensor each rank writes its part, and a plain one is the same on all that have it.
        ranks: who writes.

    Raises:
        OSError: the folder cannot be written.
    """
    if ranks.mesh is None:
        save_tensors(tensors, folder / "all.safetensors")
        return
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    try:
        writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
        save(whole, storage_writer=writer, process_group=ranks.words)
    except CheckpointException as error:
        raise _cause(error) from error


def load_state(folder: Path, into: Mapping[str, Tensor], ranks: Ranks) -> None:
    """Fill tensors in place, bit for bit, with what any ranks in any layout wrote; every rank calls it.

    Args:
        folder: what `save_state` wrote.
        into: the tensors wanted, by name; of a DTensor each rank reads its part.
        ranks: who reads.

    Raises:
        CheckpointError: a file is missing or damaged, or a name is not in it with this shape and type.
    """
    saved = saved_tensors(folder)
    for name, tensor in into.items():
        expected = f"{name} as {tensor.dtype} of {tuple(tensor.shape)}"
        if name not in saved:
            raise CheckpointError(explain(f"reading {folder}", expected=expected, got="none of that name"))
        properties, size = saved[name].properties, saved[name].size
        if (size, properties.dtype) != (tensor.shape, tensor.dtype):
            got = f"{properties.dtype} of {tuple(size)}"
            raise CheckpointError(explain(f"reading {folder}", expected=expected, got=got))
    reader = HuggingFaceStorageReader(str(folder))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is disabled")
            load(dict(into), storage_reader=reader, process_group=ranks.words, no_dist=ranks.mesh is None)
    except CheckpointException as error:
        cause = _cause(error)
        if not isinstance(cause, (SafetensorError, OSError)):
            raise cause from error
        raise CheckpointError(_damaged(folder, cause)) from error


def saved_tensors(folder: Path) -> dict[str, TensorStorageMetadata]:
    """Type, whole size and parts of the tensors in a folder, from the heads of its files.

    Raises:
        CheckpointError: a file is damaged.
    """
    try:
        saved = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    except (SafetensorError, OSError) as error:
        raise CheckpointError(_damaged(folder, error)) from error
    return {name: tensor for name, tensor in saved.items() if isinstance(tensor, TensorStorageMetadata)}


def model_and_optimizer_tensors(model: nn.Module, optimizer: Optimizer | CombinedOptimizer) -> dict[str, Tensor]:
    """`model.<name>` of each parameter and buffer, and `optimizer.<name>.<what it remembers>` of each parameter."""
    # First, because with FSDP it puts parameters back to their shards, which the optimizer knows them by.
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    rules = _rules(optimizer)
    for name, parameter in model.named_parameters():
        if parameter in rules:
            remembered = rules[parameter].state.get(parameter, {})
            tensors |= {f"optimizer.{name}.{key}": value for key, value in remembered.items()}
    return tensors


def load_model_and_optimizer_(
    folder: Path, model: nn.Module, optimizer: Optimizer | CombinedOptimizer, ranks: Ranks
) -> None:
    """Fill a model and its optimizer, whatever steps they took, from what `model_and_optimizer_tensors` named.

    Raises:
        CheckpointError: as of `load_state`.
    """
    model.state_dict()  # as above
    parameters, rules = dict(model.named_parameters()), _rules(optimizer)
    for rule in rules.values():
        rule.state.clear()  # what it came to know since, on the way that a rollback leaves, the folder does not name
    for name, saved in saved_tensors(folder).items():
        kind, _, rest = name.partition(".")
        parameter_name, _, key = rest.rpartition(".")
        parameter = parameters.get(parameter_name) if kind == "optimizer" else None
        if parameter is not None and parameter in rules:
            rules[parameter].state[parameter].setdefault(key, _room(saved, parameter, rules[parameter]))
    load_state(folder, model_and_optimizer_tensors(model, optimizer), ranks)


def _rules(optimizer: Optimizer | CombinedOptimizer) -> dict[Any, Optimizer]:
    """Which optimizer each parameter has."""
    parts = optimizer.optimizers if isinstance(optimizer, CombinedOptimizer) else (optimizer,)
    return {parameter: part for part in parts for group in part.param_groups for parameter in group["params"]}


def _room(saved: TensorStorageMetadata, parameter: Tensor, optimizer: Optimizer) -> Tensor:
    """What is of a parameter's shape lies on the ranks as it does, unless the rule works on whole matrices."""
    dtype = saved.properties.dtype
    if saved.size == parameter.shape and not isinstance(optimizer, PreconditionedRule):
        return torch.empty_like(parameter.detach(), dtype=dtype)
    return torch.empty(saved.size, dtype=dtype, device=parameter.device)


def _cause(error: CheckpointException) -> BaseException:
    """What went wrong on the first of the ranks where something did."""
    return next(iter(error.failures.values()))[0]


def _damaged(folder: Path, error: BaseException) -> str:
    return explain(f"reading {folder}", expected="whole files", got=error)
