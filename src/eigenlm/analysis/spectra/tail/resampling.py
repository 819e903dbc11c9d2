"""What the fit would have found in other spectra of the same kind: Clauset's semiparametric bootstrap."""

import numpy as np
from jaxtyping import Float64

from eigenlm.analysis.spectra.tail.power_law import PowerLaw, fit

_SEED = 20260706
# Numbers held at once; more gain no speed, and eat memory in every thread.
_BLOCK = 2**18


def refit(logs: Float64[np.ndarray, " n"], found: PowerLaw, copies: int) -> PowerLaw:
    """Draw spectra from the fitted power law and what lies below it, and fit each as the spectrum itself was.

    Each value of a copy comes from the power law with probability k/n, else from the n - k values below the tail, with
    replacement. The start of the tail is searched for anew, so its choice is part of what varies (arXiv:0706.1062,
    section 4.1). The draws come from a generator of a fixed seed: one spectrum always gives one answer.

    Args:
        logs: natural logarithms, descending.
        found: its fit, of one row.
        copies: how many spectra are drawn.
    """
    generator = np.random.Generator(np.random.PCG64(_SEED))
    rows = max(1, _BLOCK // len(logs))
    blocks = [fit(_draw(logs, found, min(rows, copies - start), generator)) for start in range(0, copies, rows)]
    return PowerLaw(
        size=np.concatenate([block.size for block in blocks]),
        rate=np.concatenate([block.rate for block in blocks]),
        distance=np.concatenate([block.distance for block in blocks]),
    )


def _draw(
    logs: Float64[np.ndarray, " n"], found: PowerLaw, copies: int, generator: np.random.Generator
) -> Float64[np.ndarray, "copies n"]:
    n, k = len(logs), int(found.size[0])
    drawn = logs[k - 1] + generator.standard_exponential((copies, n)) / found.rate[0]
    if k < n:
        below = logs[generator.integers(k, n, (copies, n))]
        drawn = np.where(generator.random((copies, n)) < k / n, drawn, below)
    drawn.sort(axis=1)
    return np.ascontiguousarray(drawn[:, ::-1])
