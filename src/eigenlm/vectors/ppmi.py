"""Positive pointwise mutual information: how much more often two words meet than chance would have them."""

import numpy as np
import scipy.sparse


def ppmi(C: scipy.sparse.csr_array, *, smoothing: float = 0.75, shift: float = 1.0) -> scipy.sparse.csr_array:
    """M_ij = max(0, log(C_ij sum_k c_k / (r_i c_j)) - log(shift)), r_i = sum_j C_ij, c_j = r_j^smoothing.

    Smoothing makes rare contexts less surprising, as word2vec's negative samples do (Levy, Goldberg and Dagan 2015,
    section 3.2); skip-gram with k negative samples factorizes this matrix, without the max, at shift = k (Levy and
    Goldberg 2014).

    Args:
        C: (V, V) co-occurrence counts.
        smoothing: the power of the context's counts; 1 for none.
        shift: k >= 1; greater ones keep fewer pairs.
    """
    rows = np.asarray(C.sum(1), dtype=np.float64)
    contexts = rows**smoothing
    with np.errstate(divide="ignore"):
        log_rows, log_contexts = np.log(rows), np.log(contexts)
    values = np.log(C.data) - np.repeat(log_rows, np.diff(C.indptr)) - log_contexts[C.indices]
    values += np.log(contexts.sum()) - np.log(shift)
    M = scipy.sparse.csr_array((np.maximum(values, 0).astype(np.float32), C.indices, C.indptr), shape=C.shape)
    M.eliminate_zeros()
    return M
