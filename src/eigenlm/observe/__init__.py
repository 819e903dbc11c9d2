"""What flows through any module as text passes: its linear layers, hooks on its parts, the Grams of what they carry."""

from eigenlm.observe.foreign import experts_apart
from eigenlm.observe.grams import Measurement, measure
from eigenlm.observe.inputs import SharedInputs
from eigenlm.observe.linears import linears, replace_, replaced, token_table, twin_of
from eigenlm.observe.watch import watch
from eigenlm.observe.watching import at_rest, evaluating, run, watch_attention, watch_inputs, watch_residual_stream

__all__ = [
    "Measurement",
    "SharedInputs",
    "at_rest",
    "evaluating",
    "experts_apart",
    "linears",
    "measure",
    "replace_",
    "replaced",
    "run",
    "token_table",
    "twin_of",
    "watch",
    "watch_attention",
    "watch_inputs",
    "watch_residual_stream",
]
