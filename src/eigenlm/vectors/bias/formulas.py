"""The measures of bias as their papers write them: sets of vectors in, a figure and one for each word out.

A set is (n, ..., D): n words, each with one vector or, of sentences, with several. X and Y are targets, A and B
attributes. All are float64.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float64
from scipy.stats import rankdata
from torch import Tensor

from eigenlm.linalg.logistic_regression import logistic_regression, probabilities
from eigenlm.linalg.similarity import unit_rows

_EQUAL = 1e-7  # associations that differ by less are equal: vectors are of float32

Set = Float64[Tensor, "_ *vectors D"]


class WordFigures(NamedTuple):
    """A figure of sets of words, and what it is made of.

    Attributes:
        value: the figure.
        by_word: of each word, of the targets or of the attributes.
    """

    value: Tensor
    by_word: Tensor


def associations(W: Set, A: Set, B: Set) -> Float64[Tensor, "_ *vectors"]:
    """s(w) = mean over a of cos(w, a) - mean over b of cos(w, b) (Caliskan and others 2017)."""
    toward_a, toward_b = (unit_rows(_vectors(one)).mean(0) for one in (A, B))
    return unit_rows(W) @ (toward_a - toward_b)


def weat(X: Set, Y: Set, A: Set, B: Set) -> WordFigures:
    """d = (mean of s over X - mean of s over Y) / standard deviation of s over both, from -2 to 2.

    The deviation divides by the number n of words, as WEFE's does; where it divides by n - 1, as in May and others
    2019, d is smaller by a factor of sqrt((n - 1) / n). Where no word differs from another, d is 0.
    """
    of_x, of_y = associations(X, A, B), associations(Y, A, B)
    gap, deviation = of_x.mean() - of_y.mean(), torch.cat([of_x.flatten(), of_y.flatten()]).std(correction=0)
    d = torch.where(deviation > _EQUAL, gap / deviation, 0.0)
    return WordFigures(d, torch.cat([_of_words(of_x), _of_words(of_y)]))


def relative_norm_distance(X: Set, Y: Set, A: Set) -> WordFigures:
    """RND: the mean over a of |a - mean of X| - |a - mean of Y| (Garg and others 2018); below 0, A is nearer to X."""
    to_x, to_y = (torch.linalg.vector_norm(A - one.mean(0), dim=-1) for one in (X, Y))
    return WordFigures((to_x - to_y).mean(), to_x - to_y)


def relative_negative_sentiment(targets: Sequence[Set], A: Set, B: Set) -> WordFigures:
    """RNSB: how unevenly the targets are like B rather than A (Sweeney and Najafian 2019).

    A logistic regression learns A from B; p are its probabilities of B for all target words, divided by their sum; the
    figure is sum of p log(p / (1 / n)), 0 where all words are alike. All words of A and B are learned from; WEFE leaves
    a fifth of them out by chance, unless it is told not to (`holdout=False`).
    """
    labels = torch.cat([torch.ones(len(A)), -torch.ones(len(B))]).double()
    w = logistic_regression(torch.cat([A, B]), labels)
    of_b = 1 - probabilities(torch.cat(list(targets)), w)
    p = of_b / of_b.sum()
    return WordFigures(torch.special.entr(p).sum().neg() + p.new_tensor(float(len(p))).log(), of_b)


def mean_average_cosine(targets: Sequence[Set], attributes: Sequence[Set]) -> WordFigures:
    """MAC: the mean over targets and sets of attributes of the mean of 1 - cos(t, a) (Manzini and others 2019)."""
    T = unit_rows(torch.cat(list(targets)))
    distances = torch.stack([1 - T @ unit_rows(A).mean(0) for A in attributes], dim=1)
    return WordFigures(distances.mean(), distances.mean(1))


def relational_inner_product(pairs: Float64[Tensor, "n 2 D"], A: Set) -> WordFigures:
    """RIPA: the mean over a and pairs of <a, (x - y) / |x - y|> (Ethayarajh and others 2019); above 0, A is like X."""
    relations = unit_rows(pairs[:, 0] - pairs[:, 1])
    products = A @ relations.mean(0)
    return WordFigures(products.mean(), products)


def embedding_coherence(X: Set, Y: Set, A: Set) -> WordFigures:
    """ECT: Spearman's correlation of cos(a, mean of X) with cos(a, mean of Y) over a (Dev and Phillips 2019)."""
    near_x, near_y = (unit_rows(A) @ unit_rows(one.mean(0)) for one in (X, Y))
    ranks = torch.stack([torch.from_numpy(rankdata(one.numpy())) for one in (near_x, near_y)])
    return WordFigures(torch.corrcoef(ranks)[0, 1], near_x - near_y)


def _vectors(W: Tensor) -> Tensor:
    return W.flatten(0, -2)


def _of_words(of_vectors: Tensor) -> Tensor:
    """The mean over a word's vectors."""
    return of_vectors.flatten(1).mean(1) if of_vectors.ndim > 1 else of_vectors
