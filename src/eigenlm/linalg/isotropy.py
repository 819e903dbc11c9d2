"""How evenly vectors use the directions of their space: four measures of one cloud of points, read in blocks."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import DataError, ShapeError, explain
from eigenlm.linalg.similarity import unit_rows
from eigenlm.linalg.spectrum import effective_rank

_BLOCK_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class Isotropy:
    """How evenly a cloud of vectors is spread.

    Attributes:
        num_vectors: C, how many there are; fewer than `width` can never fill the space.
        width: D, numbers in each.
        iso_score: (PR - 1) / (D - 1), from 0 (one direction) to 1 (all alike); None for width 1 or a single point.
        participation_ratio: PR = (sum of l)^2 / sum of l^2 of the covariance's eigenvalues l, from 1 to D; 0 if all
            vectors are equal.
        rank_me: exp of the entropy of sigma / sum(sigma), sigma the singular values of the vectors, not centred.
        mean_cosine: over all pairs of two vectors; None for fewer than two.
    """

    num_vectors: int
    width: int
    iso_score: float | None
    participation_ratio: float
    rank_me: float
    mean_cosine: float | None


def isotropy(X: Float[Tensor, "C D"]) -> Isotropy:
    """All measures from one pass over the rows of X; beside X only a square of its smaller side is held.

    IsoScore (arXiv:2108.07344, algorithm 1) scales the eigenvalues l of the covariance to length sqrt(D), takes their
    distance d = ||sqrt(D) l / |l| - 1|| / sqrt(2 (D - sqrt D)) from those of the identity, and returns
    ((D - d^2 (D - sqrt D))^2 / D - 1) / (D - 1). The square opens to d^2 (D - sqrt D) = D - sqrt(D) sum(l) / |l|, which
    leaves (PR - 1) / (D - 1): the participation ratio on a scale from 0 to 1.

    RankMe (arXiv:2210.02885, equations 1 and 2) is taken without its summand of 1e-7.

    Args:
        X: (C, D) vectors, of any floating type.

    Raises:
        ShapeError: there is no vector.
        DataError: NaN or infinite numbers.

    >>> found = isotropy(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    >>> round(found.iso_score, 6), round(found.rank_me, 6), round(found.mean_cosine, 6)
    (1.0, 2.0, -0.333333)
    """
    C, D = X.shape
    if C == 0 or D == 0:
        raise ShapeError(explain("isotropy", expected="at least one vector", got=f"{C} of width {D}"))
    second, central = _energies(X.detach())
    ratio = float(central.sum().square() / central.square().sum()) if float(central[0]) > 0 else 0.0
    return Isotropy(
        num_vectors=C,
        width=D,
        iso_score=(ratio - 1) / (D - 1) if D > 1 and ratio > 0 else None,
        participation_ratio=ratio,
        rank_me=float(effective_rank(second.sqrt())),
        mean_cosine=_mean_cosine(X),
    )


def _energies(X: Tensor) -> tuple[Float64[Tensor, " r"], Float64[Tensor, " r"]]:
    """Eigenvalues of X^T X and of the scatter about the mean, descending, r = min(C, D); the others are zero."""
    C, D = X.shape
    peak = float(torch.linalg.vector_norm(X, torch.inf, dtype=torch.float64))
    if not peak < torch.inf:
        count = X.numel() - int(X.isfinite().sum())
        raise DataError(explain("isotropy", expected="finite numbers", got=f"{count} NaN or infinite of {X.numel()}"))
    scale = peak or 1.0  # squares neither overflow nor vanish, and no measure depends on it
    mean = torch.stack([block.double().sum(0) for block in X.split(_BLOCK_ROWS)]).sum(0) / C / scale
    if C < D:
        rows = X.double() / scale
        return _descending(rows @ rows.mT), _descending((rows - mean) @ (rows - mean).mT)
    scatter = torch.zeros(D, D, dtype=torch.float64, device=X.device)
    for block in X.split(_BLOCK_ROWS):
        rows = block.double() / scale - mean
        scatter.addmm_(rows.mT, rows)
    return _descending(scatter + C * torch.outer(mean, mean)), _descending(scatter)


def _descending(gram: Tensor) -> Tensor:
    """Eigenvalues, without those that rounding made."""
    values = torch.linalg.eigvalsh(gram).flip(-1).clamp_min(0)
    return torch.where(values > len(values) * torch.finfo(torch.float64).eps * values[0], values, 0.0)


def _mean_cosine(X: Tensor) -> float | None:
    """(|sum of u|^2 - number of u) / (C (C - 1)), u the rows at length 1."""
    C = len(X)
    if C < 2:
        return None
    total = torch.zeros(X.shape[1], dtype=torch.float64, device=X.device)
    own = 0.0
    for block in X.detach().split(_BLOCK_ROWS):
        rows = unit_rows(block).double()
        total += rows.sum(0)
        own += float(rows.square().sum())
    return (float(total.square().sum()) - own) / (C * (C - 1))
