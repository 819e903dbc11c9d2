"""The singular values of every matrix of a model, and what they say, one tensor at a time."""

import functools
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from eigenlm import linalg
from eigenlm.checkpoint import open_tensors
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.progress import track

# Small symmetric eigenproblems do not gain from a second BLAS thread, and lose much on a busy machine. Each worker
# holds one tensor, so their number also bounds the memory.
_MOST_WORKERS = 4


@dataclass(frozen=True, kw_only=True)
class MatrixSpectrum:
    """One matrix, W of m rows (outputs) and n columns (inputs).

    Attributes:
        name: its layer, or the parameter's own name if that is not `weight`.
        rows: m.
        columns: n; for a convolution, all that one output sees.
        storage: how the file keeps its numbers (`F32`, `Q4_1`, ...); None where the source cannot tell.
        frobenius_norm: sqrt(sum of sigma_i^2).
        spectral_norm: sigma_1.
        stable_rank: ||W||_F^2 / sigma_1^2.
        effective_rank: exp of the entropy of sigma_i / sum sigma.
        numerical_rank: singular values that rounding to float32 could not have made.
        condition_number: sigma_1 / sigma_min(m, n); infinite when the last is zero.
        rank_90: the smallest rank that keeps 90 % of ||W||_F^2.
        rank_99: the smallest rank that keeps 99 %.
        break_even_rank: the largest R at which two factors, R (m + n) numbers, take fewer than m n.
        energy_kept: share of ||W||_F^2 kept at an eighth, a quarter, a half of the full rank, and at `break_even_rank`.
        singular_values: all of them, descending.
    """

    name: str
    rows: int
    columns: int
    storage: str | None
    frobenius_norm: float
    spectral_norm: float
    stable_rank: float
    effective_rank: float
    numerical_rank: int
    condition_number: float
    rank_90: int
    rank_99: int
    break_even_rank: int
    energy_kept: Mapping[int, float]
    singular_values: Float64[Tensor, " r"] = field(repr=False, compare=False)

    def to_dict(self, *, singular_values: bool = True) -> dict[str, Any]:
        """Plain JSON values; an infinite condition number becomes None."""
        values = {key: value for key, value in vars(self).items() if key != "singular_values"}
        values["condition_number"] = self.condition_number if math.isfinite(self.condition_number) else None
        values["energy_kept"] = {str(rank): kept for rank, kept in self.energy_kept.items()}
        return values | ({"singular_values": self.singular_values.tolist()} if singular_values else {})


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A matrix without a spectrum, and why: NaN or infinite numbers, or none at all."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Every matrix of a model, in the model's order.

    Attributes:
        matrices: those with a spectrum.
        skipped: those with numbers that are not finite; the others are not touched by them.
    """

    matrices: tuple[MatrixSpectrum, ...]
    skipped: tuple[Skipped, ...] = ()

    def __getitem__(self, name: str) -> MatrixSpectrum:
        """The matrix of this name.

        Raises:
            ConfigError: there is none.
        """
        for matrix in self.matrices:
            if matrix.name == name:
                return matrix
        raise ConfigError(explain("analysis", expected="the name of a matrix", got=repr(name)))

    def totals(self) -> dict[str, int]:
        """Counts over all matrices; parameters at 90 and 99 % are those of plain factors, where these are smaller."""
        return {
            "num_matrices": len(self.matrices),
            "num_skipped": len(self.skipped),
            "num_params": sum(matrix.rows * matrix.columns for matrix in self.matrices),
            "num_params_at_90": sum(_factored(matrix, matrix.rank_90) for matrix in self.matrices),
            "num_params_at_99": sum(_factored(matrix, matrix.rank_99) for matrix in self.matrices),
        }

    def to_dict(self, *, singular_values: bool = True) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "totals": self.totals(),
            "matrices": [matrix.to_dict(singular_values=singular_values) for matrix in self.matrices],
            "skipped": [vars(skipped) for skipped in self.skipped],
        }


def analyze(model: Any) -> Analysis:
    """The spectrum of every weight of two or more dimensions.

    A tensor is read, decomposed in float64 and let go before the next is read (by each of at most four workers), so a
    lazy source such as `checkpoint.open_tensors` may be larger than memory. A tensor of more than two dimensions is the
    matrix of its first dimension by all the others, as for convolutions. A matrix with NaN or infinite numbers is
    listed in `skipped` and the rest go on.

    Args:
        model: a `LanguageModel`, any `torch.nn.Module`, tensors by name, or the path or name of a model.

    Raises:
        CheckpointError: the path holds no model, or a damaged one.
        ConfigError: the argument is none of these.

    >>> analyze({"w": torch.diag(torch.tensor([3.0, 1.0, 1.0, 1.0]))})["w"].rank_90
    3
    """
    weights = _weights(model)
    reading = (
        Lock()
    )  # sources need not be safe to read from two threads, and two large tensors need not be read at once
    with _one_thread_each() as pool:
        results = list(
            track(pool.map(functools.partial(_examine, weights, reading), weights), "analyze", total=len(weights))
        )
    return Analysis(
        matrices=tuple(result for result in results if isinstance(result, MatrixSpectrum)),
        skipped=tuple(result for result in results if isinstance(result, Skipped)),
    )


def spectrum_of(W: Tensor, name: str = "W", storage: str | None = None) -> MatrixSpectrum:
    """Decompose one matrix (m, n).

    Raises:
        DataError: NaN or infinite numbers.
    """
    m, n = W.shape
    S = linalg.singular_values(W).cpu()
    full, break_even = len(S), (m * n - 1) // (m + n)
    marks = sorted({rank for rank in (full // 8, full // 4, full // 2, break_even) if rank > 0})
    return MatrixSpectrum(
        name=name,
        rows=m,
        columns=n,
        storage=storage,
        frobenius_norm=float(torch.linalg.vector_norm(linalg.spectrum.relative(S)) * S[0]),
        spectral_norm=float(S[0]),
        stable_rank=float(linalg.stable_rank(S)),
        effective_rank=float(linalg.effective_rank(S)),
        numerical_rank=int(linalg.numerical_rank(S)),
        condition_number=float(linalg.condition_number(S)),
        rank_90=int(linalg.rank_for_energy(S, 0.90)),
        rank_99=int(linalg.rank_for_energy(S, 0.99)),
        break_even_rank=break_even,
        energy_kept={rank: float(linalg.energy_kept(S, rank)) for rank in marks},
        singular_values=S,
    )


def _weights(model: Any) -> Mapping[str, Tensor]:
    if isinstance(model, (str, Path)):
        return open_tensors(model)
    if isinstance(model, Mapping):
        return model
    if isinstance(model, nn.Module):
        return dict(model.named_parameters())
    if isinstance(getattr(model, "model", None), nn.Module):
        return dict(model.model.named_parameters())
    raise ConfigError(
        explain("analyze", expected="a model, a module, tensors by name, or a path", got=type(model).__name__)
    )


def _examine(weights: Mapping[str, Tensor], reading: Lock, parameter: str) -> MatrixSpectrum | Skipped | None:
    with reading:
        W = weights[parameter]
        storage = weights.storage(parameter) if hasattr(weights, "storage") else None
    if W.ndim < 2 or not W.is_floating_point():
        return None
    name = parameter.removesuffix(".weight")
    if W.numel() == 0:
        return Skipped(name=name, reason=f"no numbers in {tuple(W.shape)}")
    try:
        return spectrum_of(W.detach().flatten(1), name, storage)
    except DataError as error:
        return Skipped(name=name, reason=str(error))


def _factored(matrix: MatrixSpectrum, rank: int) -> int:
    return min(matrix.rows * matrix.columns, rank * (matrix.rows + matrix.columns))


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
