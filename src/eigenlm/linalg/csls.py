"""Cosines corrected for points that lie near everything."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.linalg.similarity import Neighbours, unit_rows

_QUERIES = 1024


def mean_of_nearest(X: Float[Tensor, "m D"], Y: Float[Tensor, "n D"], k: int = 10) -> Float[Tensor, " m"]:
    """r(x), the mean cosine of each row of X with the k rows of Y that are nearest to it; with all, if they are fewer.

    >>> mean_of_nearest(torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), k=2).tolist()
    [0.5, 0.5]
    """
    table = unit_rows(Y)
    return torch.cat([(unit_rows(rows) @ table.mT).topk(min(k, len(Y))).values.mean(1) for rows in X.split(_QUERIES)])


def nearest_by_csls(
    queries: Float[Tensor, "Q D"], table: Float[Tensor, "V D"], hubness: Float[Tensor, " V"], k: int
) -> Neighbours:
    """The k rows y of a table with the largest 2 cos(x, y) - r(y) for each query x.

    It is CSLS, cross-domain similarity local scaling, 2 cos(x, y) - r(x) - r(y) (Conneau and others, arXiv:1710.04087,
    equation 3); r(x) is one number for all y, and changes no order.

    Args:
        queries: (Q, D) rows x.
        table: (V, D) rows y.
        hubness: r(y), (V), by `mean_of_nearest` among the rows that queries come from; zero for cosines alone.
        k: how many, from 1 to V.

    Returns:
        the rows, and these scores.
    """
    units = unit_rows(table)
    best = [(2 * (unit_rows(rows) @ units.mT) - hubness).topk(k) for rows in queries.split(_QUERIES)]
    return Neighbours(torch.cat([one.indices for one in best]), torch.cat([one.values for one in best]))
