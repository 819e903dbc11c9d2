"""Whether the largest eigenvalues of a matrix follow a power law, and how sure its exponent is."""

from eigenlm.analysis.spectra.tail.alternatives import Alternative
from eigenlm.analysis.spectra.tail.heavy_tail import Tail, tail

__all__ = ["Alternative", "Tail", "tail"]
