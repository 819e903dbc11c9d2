"""Plan, apply: a smaller model with its cost told beforehand."""

from eigenlm.compression.apply import apply_
from eigenlm.compression.forecast import Forecast, forecast
from eigenlm.compression.plan import Action, Calibration, Plan, plan

__all__ = ["Action", "Calibration", "Forecast", "Plan", "apply_", "forecast", "plan"]
