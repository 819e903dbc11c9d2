"""What a training run will need, from its recipe alone: parameters, operations, memory, time."""

from eigenlm.planner.clusters import CLUSTERS, cluster
from eigenlm.planner.forecast import Forecast, forecast
from eigenlm.planner.job import Execution
from eigenlm.planner.machine import Machine, Rates, measure_machine
from eigenlm.planner.table import in_words, lines
from eigenlm.training.flops import batch_flops

__all__ = ["CLUSTERS", "Execution", "Forecast", "Machine", "Rates", "batch_flops"]
__all__ += ["cluster", "forecast", "in_words", "lines", "measure_machine"]
