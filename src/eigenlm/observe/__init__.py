"""What flows through any module as text passes: its linear layers, hooks on them, and the Grams of what they carry."""

from eigenlm.observe.grams import Measurement, measure
from eigenlm.observe.linears import linears
from eigenlm.observe.watching import at_rest, run, watch_attention, watch_inputs, watch_residual_stream

__all__ = [
    "Measurement",
    "at_rest",
    "linears",
    "measure",
    "run",
    "watch_attention",
    "watch_inputs",
    "watch_residual_stream",
]
