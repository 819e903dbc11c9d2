"""Positive pointwise mutual information: how much more often two words meet than chance would have them."""

import numpy as np
import scipy.sparse

_ROWS = 1 << 22  # pairs whose logarithms are taken at once


def ppmi(U: scipy.sparse.csr_array, *, smoothing: float = 0.6, shift: float = 1.0) -> scipy.sparse.csr_array:
    """M_ij = max(0, log(C_ij / sum(C)) - log(p_i p_j) - log(shift)), p_i = r_i^smoothing / sum_k r_k^smoothing.

    r are the row sums of C = U + U^T. Smoothing makes rare words less surprising, as word2vec's negative samples do
    (Levy, Goldberg and Dagan 2015, section 3.2); there only the context is smoothed, here both words, so that M = M^T.
    Vectors made of it are better at similarity and no worse at analogies, and a symmetric matrix takes half of the
    memory and of the products (docs/log.md). Skip-gram with k negative samples factorizes such a matrix, without the
    max, at shift = k (Levy and Goldberg 2014).

    Args:
        U: (V, V) counts, as `eigenlm.vectors.cooccurrence` gives them.
        smoothing: the power of the words' counts; 1 for none.
        shift: k >= 1; greater ones keep fewer pairs.

    Returns:
        M in the same way: above the diagonal, and half of the diagonal.
    """
    return ppmi_(U.copy(), smoothing=smoothing, shift=shift)


def ppmi_(U: scipy.sparse.csr_array, *, smoothing: float = 0.6, shift: float = 1.0) -> scipy.sparse.csr_array:
    """The same in the place of U, which is a text's largest table."""
    sums = np.asarray(U.sum(1, dtype=np.float64) + U.sum(0, dtype=np.float64))
    with np.errstate(divide="ignore"):  # a word that meets nobody has no pairs
        chance = smoothing * np.log(sums) - np.log((sums**smoothing).sum())
    least = np.log(sums.sum()) + np.log(shift)
    for start in range(0, U.nnz, _ROWS):
        part = slice(start, start + _ROWS)
        rows = np.searchsorted(U.indptr, np.arange(start, min(start + _ROWS, U.nnz)), side="right") - 1
        share = np.where(rows == U.indices[part], 2.0, 1.0)
        surprise = np.log(share * U.data[part]) - chance[rows] - chance[U.indices[part]] - least
        U.data[part] = np.maximum(surprise, 0) / share
    U.eliminate_zeros()
    return U
