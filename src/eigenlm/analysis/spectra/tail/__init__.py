"""Whether the largest eigenvalues of a matrix follow a power law, and how sure its exponent is."""

from eigenlm.analysis.spectra.tail.alternatives import Comparison
from eigenlm.analysis.spectra.tail.heavy_tail import Tail, tail

__all__ = ["Comparison", "Tail", "tail"]
