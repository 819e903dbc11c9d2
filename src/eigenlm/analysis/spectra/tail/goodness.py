"""Whether a power law can be the whole story of the tail."""

import numpy as np

from eigenlm.analysis.spectra.tail.power_law import PowerLaw


def goodness(found: PowerLaw, refits: PowerLaw) -> float:
    """The p of the fit: the share of spectra with a true power-law tail that lie as far from theirs, or further.

    Each was fitted with a search for xmin of its own, as the data were (arXiv:0706.1062, section 4.1). The data count
    as one more of them, so that p is never 0.

    Args:
        found: the fit of the data, of one row.
        refits: what `resampling.refit` gives for it.
    """
    as_far = int(np.count_nonzero(refits.distance >= found.distance))
    return (1 + as_far) / (1 + len(refits.distance))
