"""What flows through any module as text passes: its linear layers, hooks on them, and the Grams of what they carry."""

from eigenlm.observe.grams import Measurement, measure
from eigenlm.observe.linears import linears

__all__ = ["Measurement", "linears", "measure"]
