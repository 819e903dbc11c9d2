"""One matrix in two models: how much it changed, in which directions, and what that did to its spectrum."""

import functools
import math
from dataclasses import fields

import torch
from torch import Tensor

from eigenlm.analysis.comparison.comparison import Change, MatrixChange, SubspaceOverlap
from eigenlm.analysis.spectra import MatrixSpectrum, SpectrumFigures, spectrum_from, spectrum_of
from eigenlm.errors import DataError, explain
from eigenlm.linalg.by_blocks import ByBlocks, Part, row_blocks
from eigenlm.linalg.decomposition import singular_values
from eigenlm.linalg.spectrum import numerical_rank
from eigenlm.linalg.subspace import GramEigenvectors, subspace_overlap


def difference(
    before: Tensor | ByBlocks,
    after: Tensor | ByBlocks,
    name: str = "W",
    *,
    rank: int = 16,
    storage: tuple[str | None, str | None] = (None, None),
) -> MatrixChange:
    """Compare W and W', both (m, n); identical matrices are not decomposed.

    Args:
        before: W.
        after: W'.
        name: name of the matrix.
        rank: R, how many leading directions are compared; fewer where a matrix has fewer.
        storage: how each of the two is stored.

    Raises:
        DataError: NaN or infinite numbers in one of them, or numbers that are not floating point.
    """
    none, other_none = before[:0].detach(), after[:0].detach()
    eps = max(_eps(none, name), _eps(other_none, name))
    like = none.to(torch.promote_types(torch.promote_types(none.dtype, other_none.dtype), torch.float32))
    sizes = before.shape[0], before.shape[1]
    W, other = (ByBlocks(sizes, functools.partial(_part, M, like)) for M in (before, after))
    norms = [_norm(M, name, which) for M, which in ((W, "first"), (other, "second"))]
    same = all(torch.equal(*pair) for pair in zip(row_blocks(W), row_blocks(other)))
    change = None if same else _change(W, other, rank, eps)
    return MatrixChange(
        name=name,
        rows=W.shape[0],
        columns=W.shape[1],
        storage_before=storage[0],
        storage_after=storage[1],
        frobenius_norm=norms[0],
        rel_change=0.0 if change is None else _ratio(change.frobenius_norm, norms[0]),
        change=change,
    )


def _part(W: Tensor | ByBlocks, like: Tensor, part: Part) -> Tensor:
    return W[part].detach().to(like)


def _change(W: ByBlocks, other: ByBlocks, rank: int, eps: float) -> Change:
    first, second = GramEigenvectors.of(W), GramEigenvectors.of(other)
    before, after = (spectrum_from(_singular_values(eigen), W.shape) for eigen in (first, second))
    # Rounding moves no singular value further than eps ||W||_F (Weyl), and D carries that of both.
    rounding = eps * (before.frobenius_norm + after.frobenius_norm)
    D = spectrum_of(ByBlocks(W.shape, lambda part: other[part] - W[part]), abs_error=rounding / 2)
    R = min(rank, before.numerical_rank, after.numerical_rank)
    return Change(
        frobenius_norm=D.frobenius_norm,
        rel_spectral=_ratio(D.spectral_norm, before.spectral_norm),
        stable_rank=D.stable_rank,
        effective_rank=D.effective_rank,
        rank=int((D.singular_values > rounding).sum()),
        rank_90=D.rank_90,
        full_rank=len(D.singular_values),
        energy_kept=None if (kept := _ratio(after.frobenius_norm, before.frobenius_norm)) is None else kept**2,
        before=_figures(before),
        after=_figures(after),
        overlap=_overlap(first, second, R) if R > 0 else None,
    )


def _singular_values(eigen: GramEigenvectors) -> Tensor:
    """To a millionth each; those of a low-rank matrix that rounding could have made are 0."""
    S = eigen.singular_values
    rank = int(numerical_rank(S))
    if rank > eigen.num_accurate():
        return singular_values(eigen.W)
    return torch.cat([S[:rank], torch.zeros_like(S[rank:])])


def _overlap(first: GramEigenvectors, second: GramEigenvectors, rank: int) -> SubspaceOverlap:
    left, right = first.leading_subspaces(rank)
    other_left, other_right = second.leading_subspaces(rank)
    return SubspaceOverlap(
        rank=rank,
        left=subspace_overlap(left, other_left),
        right=subspace_overlap(right, other_right),
        left_chance=rank / first.W.shape[0],
        right_chance=rank / first.W.shape[1],
    )


def _figures(spectrum: MatrixSpectrum) -> SpectrumFigures:
    told = spectrum.to_dict(singular_values=False)
    return SpectrumFigures(**{field.name: told[field.name] for field in fields(SpectrumFigures)})


def _eps(W: Tensor, name: str) -> float:
    if not W.is_floating_point():
        raise DataError(explain(f"comparing {name}", expected="floating-point numbers", got=W.dtype))
    return float(torch.finfo(W.dtype).eps)


def _norm(W: ByBlocks, name: str, which: str) -> float:
    odd = sum(int((~block.isfinite()).sum()) for block in row_blocks(W))
    if odd:
        got = f"{odd} NaN or infinite of {math.prod(W.shape)} in the {which}"
        raise DataError(explain(f"comparing {name}", expected="finite numbers in both models", got=got))
    return math.hypot(*(float(torch.linalg.vector_norm(block, dtype=torch.float64)) for block in row_blocks(W)))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
