"""Whether the largest eigenvalues of a matrix follow a power law, and how sure its exponent is."""

import sys

from eigenlm.analyze.tail.alternatives import Comparison
from eigenlm.analyze.tail.heavy_tail import Tail, tail
from eigenlm.verb import Verb

__all__ = ["Comparison", "Tail", "tail"]

sys.modules[__name__].__class__ = Verb
