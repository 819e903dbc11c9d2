"""Orthonormal vectors kept for orthogonalisation, in as little memory as their precision allows."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Float64
from torch import Tensor

_CHUNK = 2**16  # numbers of each vector that are worked on at once: with some 20 vectors they fit into a last cache
_SCALED = 256  # numbers that share a scale
_LEVELS = 2**15 - 1


class Basis:
    """Q = [q_1 ... q_k] (n, k) with near-orthonormal columns, of which new vectors are made orthogonal.

    Float32 vectors may be kept as 16-bit integers with one scale for each 256 numbers: half the memory, read as fast,
    and each number is off by at most 2^-16 of the largest beside it, about 3e-5 of the vector's length. Half types
    would be off by 2^-11 or 2^-8 of the number itself. All sums are made in the vectors' precision by chunks, and
    over chunks in float64.

    Args:
        n: length of the vectors.
        capacity: the most vectors at once.
        dtype: float32 or float64.
        device: where they live.
        compact: keep 16 bits a number; float32 only.
    """

    def __init__(self, n: int, capacity: int, dtype: torch.dtype, device: torch.device, *, compact: bool) -> None:
        assert not compact or dtype == torch.float32
        self._n, self._count, self._dtype = n, 0, dtype
        self._width = min(_CHUNK, -(-n // _SCALED) * _SCALED)
        kept_as, chunks = torch.int16 if compact else dtype, range(-(-n // self._width))
        self._kept = [torch.empty(capacity, self._width, dtype=kept_as, device=device) for _ in chunks]
        self._scales = [
            torch.empty(capacity, self._width // _SCALED, 1, device=device) for _ in (chunks if compact else ())
        ]
        self._buffer = torch.empty(capacity if compact else 0, self._width, device=device)

    def __len__(self) -> int:
        """How many vectors there are."""
        return self._count

    def __getitem__(self, i: int) -> Float[Tensor, "n"]:
        """A vector, as it is kept."""
        q = torch.empty(self._n, dtype=self._dtype, device=self._kept[0].device)
        for chunk, piece in self._pieces(q):
            piece.copy_(self._read(chunk, slice(i, i + 1))[0, : len(piece)])
        return q

    def append(self, q: Float[Tensor, "n"]) -> None:
        """Keep one more vector."""
        for chunk, piece in self._pieces(q):
            self._write(chunk, slice(self._count, self._count + 1), piece[None])
        self._count += 1

    def orthogonalise_(self, w: Float[Tensor, "n"]) -> Float64[Tensor, "k"]:
        """Take out of w what lies in the span of Q, twice, and return the coefficients that were taken.

        Classical Gram-Schmidt with one repetition is orthogonal to working precision (Giraud, Langou and Rozloznik
        2005); the second Q^T w is computed while the first correction is made, so that Q is read three times.
        """
        every = slice(0, self._count)
        first, second = torch.zeros(2, self._count, dtype=torch.float64, device=w.device)
        for chunk, piece in self._pieces(w):
            first += self._read(chunk, every)[:, : len(piece)] @ piece
        for chunk, piece in self._pieces(w):
            rows = self._read(chunk, every)[:, : len(piece)]
            piece.addmv_(rows.mT, first.to(w.dtype), alpha=-1)
            second += rows @ piece
        for chunk, piece in self._pieces(w):
            piece.addmv_(self._read(chunk, every)[:, : len(piece)].mT, second.to(w.dtype), alpha=-1)
        return first + second

    def rotate_(self, S: Float64[Tensor, "k p"]) -> None:
        """Q <- Q S, with p <= k columns."""
        rows_p = S.mT.to(self._dtype)
        for chunk in range(len(self._kept)):
            self._write(chunk, slice(0, S.shape[1]), rows_p @ self._read(chunk, slice(0, self._count)))
        self._count = S.shape[1]

    def shrink_(self) -> None:
        """Give back the memory of vectors that are not there."""
        for chunks in (self._kept, self._scales):
            for i in range(len(chunks)):
                chunks[i] = chunks[i][: self._count].clone()

    def _pieces(self, v: Tensor) -> Iterator[tuple[int, Tensor]]:
        return enumerate(v.split(self._width))

    def _read(self, chunk: int, which: slice) -> Tensor:
        """Rows of numbers, a vector in each."""
        kept = self._kept[chunk][which]
        if not self._scales:
            return kept
        # Two passes in cache: torch multiplies integers by floats several times slower than it converts them.
        numbers = self._buffer[: len(kept)].copy_(kept)
        numbers.unflatten(1, (-1, _SCALED)).mul_(self._scales[chunk][which])
        return numbers

    def _write(self, chunk: int, which: slice, rows: Tensor) -> None:
        if not self._scales:
            self._kept[chunk][which, : rows.shape[1]] = rows
            return
        padded = torch.nn.functional.pad(rows, (0, self._width - rows.shape[1])).unflatten(1, (-1, _SCALED))
        scales = padded.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / _LEVELS
        self._scales[chunk][which] = scales
        self._kept[chunk][which] = (padded / scales).round_().flatten(1).to(torch.int16)
