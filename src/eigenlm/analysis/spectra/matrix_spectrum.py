"""The singular values of one matrix, and what they say."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from eigenlm import linalg
from eigenlm.analysis.marked_ranks import marked_ranks
from eigenlm.analysis.spectra.noise import Noise, noise
from eigenlm.analysis.spectra.tail import Tail, tail
from eigenlm.analysis.spectra.weightwatcher import WeightWatcherFit, weightwatcher
from eigenlm.config import from_dict, to_dict
from eigenlm.linalg.by_blocks import ByBlocks
from eigenlm.shown import Shown


@dataclass(frozen=True, kw_only=True)
class SpectrumFigures(Shown):
    """What the singular values of one matrix say.

    Attributes:
        frobenius_norm: ||W||_F = sqrt(sum of sigma_i^2).
        spectral_norm: sigma_1.
        stable_rank: ||W||_F^2 / sigma_1^2.
        effective_rank: exp of the entropy of sigma_i / sum sigma.
        numerical_rank: singular values that rounding to float32 could not have made.
        condition_number: sigma_1 / sigma_min(m, n); None where the last is zero.
        rank_90: the smallest rank that keeps 90 % of ||W||_F^2.
        rank_99: the smallest rank that keeps 99 %.
    """

    frobenius_norm: float
    spectral_norm: float
    stable_rank: float
    effective_rank: float
    numerical_rank: int
    condition_number: float | None
    rank_90: int
    rank_99: int


@dataclass(frozen=True, kw_only=True)
class MatrixSpectrum(SpectrumFigures):
    """One matrix, W of m rows (outputs) and n columns (inputs).

    Attributes:
        name: its layer, or the parameter's own name if that is not `weight`.
        rows: m.
        columns: n; for a convolution, all that one output sees.
        storage: how the file keeps its numbers (`F32`, `Q4_1`, ...); None where the source cannot tell.
        condition_number: sigma_1 / sigma_min(m, n); infinite when the last is zero.
        energy_kept: share of ||W||_F^2 kept at an eighth, a quarter and a half of the full rank.
        singular_values: all of them, descending.
        noise: how much of them noise explains; this and the following are None where they were not asked for.
        weightwatcher: WeightWatcher's figures by its own rules.
        tail: the power law of the largest, and what speaks for and against it.
    """

    name: str
    rows: int
    columns: int
    storage: str | None
    condition_number: float
    energy_kept: Mapping[int, float]
    singular_values: Float64[Tensor, " r"] = field(repr=False, compare=False)
    noise: Noise | None = None
    weightwatcher: WeightWatcherFit | None = None
    tail: Tail | None = None

    def to_dict(self, *, singular_values: bool = True) -> dict[str, Any]:
        """Plain JSON values; an infinite condition number becomes None."""
        values = to_dict(self)
        S = values.pop("singular_values")
        values["condition_number"] = self.condition_number if math.isfinite(self.condition_number) else None
        values["energy_kept"] = {str(rank): kept for rank, kept in self.energy_kept.items()}
        return values | ({"singular_values": S.tolist()} if singular_values else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "MatrixSpectrum":
        """The row that `to_dict` told, to the bit."""
        told = dict(values)
        told["singular_values"] = torch.tensor(values["singular_values"], dtype=torch.float64)
        told["condition_number"] = math.inf if values["condition_number"] is None else values["condition_number"]
        told["energy_kept"] = {int(rank): share for rank, share in values["energy_kept"].items()}
        for section, kind in (("noise", Noise), ("weightwatcher", WeightWatcherFit), ("tail", Tail)):
            told[section] = None if values[section] is None else from_dict(kind, values[section])
        return cls(**told)


def spectrum_of(
    W: Tensor | ByBlocks, name: str = "W", storage: str | None = None, *, abs_error: float = 0.0
) -> MatrixSpectrum:
    """Decompose one matrix (m, n).

    Args:
        W: the matrix.
        name: its name.
        storage: how it is stored.
        abs_error: of the singular values, where a millionth of each would be more than is needed.

    Raises:
        DataError: NaN or infinite numbers.
    """
    return spectrum_from(linalg.singular_values(W, abs_error=abs_error), W.shape, name, storage)


def spectrum_from(
    S: Float64[Tensor, " r"], sizes: Sequence[int], name: str = "W", storage: str | None = None
) -> MatrixSpectrum:
    """What all singular values of a matrix of these sizes, (m, n), say; they are descending."""
    (m, n), S = sizes, S.cpu()
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
        energy_kept={rank: float(linalg.energy_kept(S, rank)) for rank in marked_ranks(m, n)},
        singular_values=S,
    )


def examine(W: Tensor | ByBlocks, name: str = "W", storage: str | None = None) -> MatrixSpectrum:
    """All that one matrix (m, n) tells by itself: its spectrum, and what noise and power laws have to do with it.

    Raises:
        DataError: NaN or infinite numbers.
    """
    row = spectrum_of(W, name, storage)
    S = row.singular_values
    return replace(row, noise=noise(W, S), weightwatcher=weightwatcher(S, *W.shape), tail=tail(S))
