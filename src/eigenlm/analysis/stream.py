"""Every matrix of a model, one at a time: read, looked at, let go; over threads and over machines."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import torch
from torch import Tensor

from eigenlm.analysis.weights import Weights
from eigenlm.errors import ConfigError, DataError
from eigenlm.linalg.by_blocks import MANY_NUMBERS, ByBlocks, Part
from eigenlm.machine.memory import check_memory
from eigenlm.progress import track

Row = TypeVar("Row")

_SCALES = ("weight_scale", "weight_scale_inv")  # beside 8-bit floats, in files of other libraries
# Small symmetric eigenproblems do not gain from a second BLAS thread, and lose much on a busy machine. Each worker
# holds one tensor, so their number also bounds the memory.
_MOST_WORKERS = 4
_BLOCKS = 1 << 28  # bytes of the parts in which a large matrix is read


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A matrix that could not be looked at, and why: numbers that are not finite, say, or too little memory."""

    name: str
    reason: str


Look = Callable[[Tensor | ByBlocks, str, str | None], Row]
"""What is done with one matrix W (m, n), given its name without `.weight`, and how it is stored if that is known."""


def each_matrix(weights: Weights, look: Look[Row], mine: Sequence[str]) -> list[Row | Skipped]:
    """`look` at each tensor of two or more dimensions, in order, by as many workers as torch may use threads.

    A tensor of more than two dimensions is the matrix of its first dimension by all the others, as for convolutions.
    What does not fit is skipped; where most would not, nothing is begun.

    Args:
        weights: they need not be safe to read from two threads.
        look: what to do with a matrix.
        mine: the names to look at.

    Raises:
        ConfigError: there is not the memory for most matrices.
    """
    matrices = sorted((name for name in mine if len(weights.shape(name)) > 1), key=lambda name: _needed(weights, name))
    if matrices:
        _check_memory(weights, matrices[(len(matrices) - 1) // 2])
    examine = functools.partial(_examine, weights, look, Lock())
    with _one_thread_each() as pool:
        rows = list(track(pool.map(examine, mine), "analyze", total=len(mine)))
    return [row for row in rows if row is not None]


def share(weights: Weights, rank: int, size: int) -> list[str]:
    """The names that one of `size` ranks looks at: the costliest matrices first, each to the rank with least to do.

    Every rank computes the same shares, from sizes alone.
    """
    costs = {name: _cost(weights.shape(name)) for name in weights}
    loads, owners = [0] * size, {}
    for name in sorted(weights, key=lambda name: -costs[name]):
        owner = loads.index(min(loads))
        owners[name] = owner
        loads[owner] += costs[name]
    return [name for name in weights if owners[name] == rank]


def _examine(weights: Weights, look: Look[Row], reading: Lock, parameter: str) -> Row | Skipped | None:
    name = parameter.removesuffix(".weight")
    shape = weights.shape(parameter)
    if len(shape) < 2:
        return None
    if 0 in shape:
        return Skipped(name=name, reason=f"no numbers in {shape}")
    try:
        W = matrix_of(weights, parameter, reading)
        first = W[:0]
        if first.is_meta:
            return Skipped(name=name, reason="on the meta device, where no numbers are")
        if not first.is_floating_point():
            return Skipped(name=name, reason=f"of {str(first.dtype).removeprefix('torch.')}, not of real numbers")
        if first.element_size() == 1:  # an 8-bit float, for which torch has hardly an operation
            if any(f"{name}.{scale}" in weights for scale in _SCALES):
                return Skipped(name=name, reason="8-bit floats with scales in another tensor, which are not applied")
            W = _float32(W)
        return look(W, name, weights.storage(parameter))
    except (ConfigError, DataError) as error:
        return Skipped(name=name, reason=str(error))
    except (NotImplementedError, OverflowError) as error:  # 4-bit floats, say, or squares beyond float64
        return Skipped(name=name, reason=f"of a type or size that is not read: {error}"[:200])


def matrix_of(weights: Weights, parameter: str, reading: Lock) -> Tensor | ByBlocks:
    """One of the tensors as a matrix; read by blocks, if it is large and its file can.

    Args:
        weights: the tensors.
        parameter: the tensor's name.
        reading: held while something is read.

    Raises:
        ConfigError: it does not fit in memory.
    """

    def read(part: Part) -> Tensor:
        with reading:
            return weights.part(parameter, part).detach().flatten(1)

    _check_memory(weights, parameter)
    if _by_blocks(weights, parameter):
        return ByBlocks(_sizes(weights.shape(parameter)), read)
    with reading:
        W = weights[parameter].detach()
    return (W if W.layout == torch.strided else W.to_dense()).flatten(1)


def _float32(W: Tensor | ByBlocks) -> ByBlocks:
    return ByBlocks((W.shape[0], W.shape[1]), lambda part: W[part].float())


def _sizes(shape: Sequence[int]) -> tuple[int, int]:
    """Of the matrix of a tensor's first dimension by all the others."""
    return shape[0], math.prod(shape[1:])


def _cost(shape: tuple[int, ...]) -> int:
    """Multiplications of a Gram matrix and its eigenvalues."""
    if len(shape) < 2:
        return 0
    m, n = _sizes(shape)
    return m * n * min(m, n) + min(m, n) ** 3


def _by_blocks(weights: Weights, parameter: str) -> bool:
    shape = weights.shape(parameter)
    m, n = _sizes(shape)
    return m * n > MANY_NUMBERS and (m >= n or len(shape) == 2) and weights.reads_parts(parameter)


def _needed(weights: Weights, parameter: str) -> int:
    """The bytes of the numbers that are held at once, and of five Gram matrices in float64."""
    m, n = _sizes(weights.shape(parameter))
    return (_BLOCKS if _by_blocks(weights, parameter) else 8 * m * n) + 40 * min(m, n) ** 2


def _check_memory(weights: Weights, parameter: str) -> None:
    m, n = _sizes(weights.shape(parameter))
    do = "free some, or analyse this matrix on a larger machine"
    check_memory(_needed(weights, parameter), None, f"decomposing {m} x {n}", do)


@contextmanager
def _one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """As many workers as torch may use threads, each of them with one."""
    threads = torch.get_num_threads()
    workers = max(1, min(threads, _MOST_WORKERS))
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)
