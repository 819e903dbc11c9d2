"""Vectors and places as the few bytes that a page can hold, and how far what is asked of them stays true."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int8, Int16
from torch import Tensor

from eigenlm.linalg.principal_axes import principal_axes
from eigenlm.linalg.row_rounding import round_rows
from eigenlm.linalg.similarity import nearest, unit_rows

VECTOR_BYTES = 4 << 20
"""What the numbers of all vectors may take in a page, before they are written as letters, a third more."""

_FAR, _NEAREST = 32767, 10


@dataclass(frozen=True, eq=False)
class PackedVectors:
    """Vectors at length 1 along as many directions as there is room for, each number in 8 bits.

    Attributes:
        codes: whole numbers from -127 to 127; a vector is its row brought to length 1.
        share: the part of the squared lengths that lies along the directions; 1 where none was left out.
    """

    codes: Int8[Tensor, "V d"]
    share: float

    def units(self) -> Float[Tensor, "V d"]:
        """The vectors as the page has them."""
        return unit_rows(self.codes.float())


@dataclass(frozen=True)
class PackedAgreement:
    """How far answers from a page are those of the vectors themselves, seen on some of the words.

    Attributes:
        asked: how many words were looked at.
        neighbours: of the exact ten nearest of each, the share that is among its ten nearest in the page.
        cosine_error: the largest difference of a cosine with one of the exact ten.
    """

    asked: int
    neighbours: float
    cosine_error: float


def pack_vectors(units: Float[Tensor, "V D"], most_bytes: int = VECTOR_BYTES) -> PackedVectors:
    """Each row times 127 over its largest entry, rounded, in the directions along which the rows are longest.

    Where all D numbers of V vectors fit into `most_bytes` they stay as they are, and nothing but rounding is lost.
    """
    V, D = units.shape
    count = min(D, max(2, most_bytes // V))
    if count == D:
        return PackedVectors(round_rows(units, 8).codes, 1.0)
    axes = principal_axes(units, count, centred=False)
    share = float(axes.energies[:count].sum() / axes.energies.sum().clamp_min(1e-300))
    return PackedVectors(round_rows(axes.coordinates(units), 8).codes, share)


def pack_places(places: Float[Tensor, "V 2"]) -> tuple[Int16[Tensor, "V 2"], tuple[float, float], float]:
    """(whole numbers from -32767 to 32767, middle, scale): a place is the middle + scale times its numbers."""
    low, high = places.double().aminmax(dim=0)
    middle, scale = (low + high) / 2, max(float((high - low).max()) / 2 / _FAR, 1e-30)
    numbers = ((places.double() - middle) / scale).round().clamp(-_FAR, _FAR).to(torch.int16)
    return numbers, (float(middle[0]), float(middle[1])), scale


def agreement(units: Float[Tensor, "V D"], packed: PackedVectors, asked: int = 500) -> PackedAgreement:
    """Ask evenly spaced words for their nearest, of the vectors and of what the page has, and compare."""
    rows = _evenly(len(units), asked)
    exact, told = _neighbours(units, rows), _neighbours(packed.units(), rows)
    kept = (exact.unsqueeze(2) == told.unsqueeze(1)).any(2)
    page = packed.units()
    true = torch.einsum("nd,nkd->nk", units[rows].double(), units[exact].double())
    seen = torch.einsum("nd,nkd->nk", page[rows].double(), page[exact].double())
    error = float((true - seen).abs().max()) if exact.numel() else 0.0
    return PackedAgreement(len(rows), float(kept.double().mean()) if exact.numel() else 1.0, error)


def neighbours_kept(units: Float[Tensor, "V D"], places: Float[Tensor, "V 2"], asked: int = 500) -> float:
    """Of the ten nearest words by cosine, the share that is among the ten nearest in a picture."""
    rows = _evenly(len(units), asked)
    exact = _neighbours(units, rows)
    if not exact.numel():
        return 1.0
    apart = torch.cdist(places[rows].double(), places.double(), compute_mode="donot_use_mm_for_euclid_dist")
    apart[torch.arange(len(rows)), rows] = torch.inf
    near = apart.topk(exact.shape[1], largest=False).indices
    return float((exact.unsqueeze(2) == near.unsqueeze(1)).any(2).double().mean())


def _evenly(count: int, asked: int) -> Tensor:
    """Rows from the first to the last, about so many."""
    return torch.linspace(0, count - 1, min(asked, count)).long().unique()


def _neighbours(units: Tensor, rows: Tensor) -> Tensor:
    """The ten nearest of some rows, themselves left out; fewer where there are no more."""
    k = min(_NEAREST, len(units) - 1)
    found = nearest(units[rows], units, k + 1).indices
    own = found == rows.unsqueeze(1)
    own[~own.any(1), -1] = True  # a row among many that are the same, or a zero vector
    return found[~own].reshape(len(rows), k)
