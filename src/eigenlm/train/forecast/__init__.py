"""What a training run will need, from its recipe alone: parameters, operations, memory, time."""

from eigenlm.train.forecast.clusters import CLUSTERS, cluster
from eigenlm.train.forecast.execution import Execution
from eigenlm.train.forecast.flops import batch_flops
from eigenlm.train.forecast.forecast import Forecast, forecast
from eigenlm.train.forecast.machine import Machine, Rates, measure_machine
from eigenlm.train.forecast.table import lines

__all__ = [
    "CLUSTERS",
    "Execution",
    "Forecast",
    "Machine",
    "Rates",
    "batch_flops",
    "cluster",
    "forecast",
    "lines",
    "measure_machine",
]
