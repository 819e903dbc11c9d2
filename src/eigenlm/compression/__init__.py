"""Plan, apply: a smaller model with its cost told beforehand."""

from eigenlm.compression.actions import Action, Decision, Keep
from eigenlm.compression.apply import apply_
from eigenlm.compression.forecast import LossForecast, forecast
from eigenlm.compression.goal import Goal
from eigenlm.compression.knob import Knob, KnobSetting, knob, settled, turn_
from eigenlm.compression.methods import METHODS
from eigenlm.compression.methods.low_rank import LowRank
from eigenlm.compression.methods.quantize import Int8
from eigenlm.compression.offers import Metric, Offer
from eigenlm.compression.plan import Calibration, Plan, Point
from eigenlm.compression.planning import plan, planned
from eigenlm.compression.prices import Prices, prices
from eigenlm.compression.repair import LayerRepair, Repair, repair

__all__ = [
    "METHODS",
    "Action",
    "Calibration",
    "Decision",
    "Goal",
    "Int8",
    "Keep",
    "Knob",
    "KnobSetting",
    "LayerRepair",
    "LossForecast",
    "LowRank",
    "Metric",
    "Offer",
    "Plan",
    "Point",
    "Prices",
    "Repair",
    "apply_",
    "forecast",
    "knob",
    "plan",
    "planned",
    "prices",
    "repair",
    "settled",
    "turn_",
]
