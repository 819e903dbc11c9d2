"""Positive pointwise mutual information: how much more often two words meet than chance would have them."""

import numpy as np
import scipy.sparse


def ppmi(C: scipy.sparse.csr_array, *, smoothing: float = 0.75, shift: float = 1.0) -> scipy.sparse.csr_array:
    """M_ij = max(0, log(C_ij / sum(C)) - log(p_i p_j) - log(shift)), p_i = r_i^smoothing / sum_k r_k^smoothing.

    r are the row sums of C. Smoothing makes rare words less surprising, as word2vec's negative samples do (Levy,
    Goldberg and Dagan 2015, section 3.2); there only the context is smoothed, here both words, so that M = M^T. Of
    vectors made of it similarity is found better, analogies no worse, and a symmetric matrix takes half the products
    (docs/log.md). Skip-gram with k negative samples factorizes such a matrix, without the max, at shift = k (Levy and
    Goldberg 2014).

    Args:
        C: (V, V) co-occurrence counts, symmetric.
        smoothing: the power of the words' counts; 1 for none.
        shift: k >= 1; greater ones keep fewer pairs.
    """
    rows = np.asarray(C.sum(1), dtype=np.float64)
    with np.errstate(divide="ignore"):  # a word that meets nobody has no pairs
        chance = smoothing * np.log(rows) - np.log((rows**smoothing).sum())
    values = np.log(C.data / rows.sum()) - np.repeat(chance, np.diff(C.indptr)) - chance[C.indices] - np.log(shift)
    M = scipy.sparse.csr_array((np.maximum(values, 0).astype(np.float32), C.indices, C.indptr), shape=C.shape)
    M.eliminate_zeros()
    return M
