"""Plan, apply: a smaller model with its cost told beforehand."""

from eigenlm.compression.actions import Action, Decision, Keep
from eigenlm.compression.apply import apply_
from eigenlm.compression.forecast import forecast
from eigenlm.compression.methods import METHODS
from eigenlm.compression.methods.low_rank import LowRank
from eigenlm.compression.methods.quantize import Int8
from eigenlm.compression.offers import Metric, Offer
from eigenlm.compression.plan import Calibration, Plan, plan

__all__ = [
    "METHODS",
    "Action",
    "Calibration",
    "Decision",
    "Int8",
    "Keep",
    "LowRank",
    "Metric",
    "Offer",
    "Plan",
    "apply_",
    "forecast",
    "plan",
]
