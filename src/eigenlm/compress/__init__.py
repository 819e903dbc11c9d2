"""Plan, apply: a smaller model with its cost told beforehand."""

from eigenlm.compress.apply import apply_
from eigenlm.compress.forecast import Forecast, forecast
from eigenlm.compress.plan import Action, Calibration, Plan, plan

__all__ = ["Action", "Calibration", "Forecast", "Plan", "apply_", "forecast", "plan"]
