"""Two models held against each other: read two tensors at a time, look, let go."""

from threading import Lock
from typing import Any

import torch
from torch import Tensor

from eigenlm.analysis.about import about
from eigenlm.analysis.comparison.comparison import Comparison, MatrixChange, OtherShape, VectorChange
from eigenlm.analysis.comparison.matrix import difference
from eigenlm.analysis.stream import Skipped, each_matrix, matrix_of
from eigenlm.analysis.weights import Weights, weights_of
from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.by_blocks import ByBlocks


def compare(before: Any, after: Any, *, rank: int = 16) -> Comparison:
    """What changed from one model to another, in every matrix that both have.

    Matrices are matched by name, which is eigenlm's for models that it reads; a low-rank layer counts as the product of
    its factors. Two tensors, or blocks of them if they are large, are in memory at a time, for each of at most four
    workers.

    Args:
        before: a `LanguageModel`, any `torch.nn.Module`, tensors by name, or the path or name of a model.
        after: likewise; before and after compression, two training steps, base and fine-tuned.
        rank: R, how many leading directions of each matrix are compared.

    Raises:
        CheckpointError: a path holds no model, or a damaged one.
        ConfigError: an argument is none of these, R is below 1, or the two have no name in common.

    >>> W = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
    >>> row = compare({"w": W}, {"w": W + 0.1 * torch.ones(3, 3)}).matrices[0]
    >>> row.change.rank, round(row.rel_change, 3)
    (1, 0.08)
    """
    if rank < 1:
        raise ConfigError(explain("comparing models", expected="a rank of 1 or more", got=rank))
    first, second = weights_of(before), weights_of(after)
    there = set(second)
    common = [name for name in first if name in there]
    if not common:
        got = f"none; the first holds {next(iter(first), 'nothing')}, the second {next(iter(second), 'nothing')}"
        raise ConfigError(explain("comparing models", expected="names that both have", got=got))
    fitting = [name for name in common if first.shape(name) == second.shape(name)]
    rows = _matrices(first, second, [name for name in fitting if len(first.shape(name)) > 1], rank)
    return Comparison(
        matrices=tuple(row for row in rows if isinstance(row, MatrixChange)),
        vectors=_vectors(first, second, [name for name in fitting if len(first.shape(name)) < 2]),
        only_before=tuple(_layer(name) for name in first if name not in there),
        only_after=tuple(_layer(name) for name in second if name not in set(first)),
        other_shapes=tuple(
            OtherShape(name=_layer(name), before=first.shape(name), after=second.shape(name))
            for name in common
            if name not in set(fitting)
        ),
        skipped=tuple(row for row in rows if isinstance(row, Skipped)),
        before=about(before, {}),
        after=about(after, {}),
    )


def _matrices(first: Weights, second: Weights, names: list[str], rank: int) -> list[MatrixChange | Skipped]:
    parameters = {_layer(name): name for name in names}
    reading = Lock()  # sources need not be safe to read from two threads

    def look(W: Tensor | ByBlocks, name: str, storage: str | None) -> MatrixChange:
        other = matrix_of(second, parameters[name], reading)
        told = (storage, second.storage(parameters[name]))
        return difference(W, other, name, rank=rank, storage=told)

    return each_matrix(first, look, names)


def _vectors(first: Weights, second: Weights, names: list[str]) -> tuple[VectorChange, ...]:
    changed = []
    for name in names:
        v = first[name].detach().double()
        other = second[name].detach().to(v)
        if not torch.equal(v, other):
            size = float(v.norm())
            rel = float((other - v).norm()) / size if size > 0 else torch.inf
            changed.append(VectorChange(name=_layer(name), rel_change=rel if rel < torch.inf else None))
    return tuple(changed)


def _layer(parameter: str) -> str:
    return parameter.removesuffix(".weight")
