"""Cosine similarity of every pair of rows, and the nearest rows of a large table."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.errors import ConfigError, ShapeError, explain

_BLOCK_ROWS = 16384


@dataclass(frozen=True)
class Neighbours:
    """The rows of a table most similar to each query, best first.

    Attributes:
        indices: row numbers in the table, (Q, k).
        similarities: their cosines, (Q, k).
    """

    indices: Int[Tensor, "Q k"]
    similarities: Float[Tensor, "Q k"]


def unit_rows(X: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
    """Each row divided by its length, in float32 at least; a zero row stays zero."""
    X = X if X.dtype == torch.float64 else X.float()
    peak = X.abs().amax(-1, keepdim=True)
    scaled = torch.where(peak > 0, X / peak, 0.0)  # lengths between 1 and sqrt(D): no overflow, no underflow
    return torch.nn.functional.normalize(scaled, dim=-1)


def cosine_similarity(X: Float[Tensor, "m D"], Y: Float[Tensor, "n _"]) -> Float[Tensor, "m n"]:
    """<x, y> / (|x| |y|) of every row x of X with every row y of Y, in [-1, 1]; 0 where either is the zero vector.

    Raises:
        ShapeError: rows of two widths.

    >>> cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, 0.0]])).tolist()
    [[1.0, 0.0, 0.0]]
    """
    if X.shape[-1] != Y.shape[-1]:
        raise ShapeError(
            explain("cosine similarity", expected="rows of one width", got=f"{X.shape[-1]} and {Y.shape[-1]}")
        )
    return (unit_rows(X) @ unit_rows(Y).mT).clamp(-1, 1)


def nearest(queries: Float[Tensor, "Q D"], table: Float[Tensor, "V _"], k: int) -> Neighbours:
    """The `k` rows of `table` with the largest cosine to each query; the table is never copied whole.

    Raises:
        ShapeError: rows of two widths.
        ConfigError: k outside 1 ... V.
    """
    if not 1 <= k <= len(table):
        raise ConfigError(explain("nearest rows", expected=f"k between 1 and {len(table)}", got=k))
    similarities = torch.cat([cosine_similarity(queries, block) for block in table.split(_BLOCK_ROWS)], dim=-1)
    best = similarities.topk(k, dim=-1)
    return Neighbours(best.indices, best.values)
