"""Measure, plan, apply: a smaller model with its cost told beforehand."""

from eigenlm.compress.apply import apply_
from eigenlm.compress.forecast import Forecast, forecast
from eigenlm.compress.linears import linears
from eigenlm.compress.measure import Measurement, measure
from eigenlm.compress.plan import Action, Calibration, Plan, plan

__all__ = [
    "Action",
    "Calibration",
    "Forecast",
    "Measurement",
    "Plan",
    "apply_",
    "forecast",
    "linears",
    "measure",
    "plan",
]
