"""Training: a recipe, a text and a machine to a model folder, exactly, and watched."""

import sys

from eigenlm.train.loop import Outcome, train
from eigenlm.train.read_recipe import read_recipe, with_changes
from eigenlm.train.recipe import (
    DataRecipe,
    LayoutRecipe,
    OptimizerRecipe,
    Recipe,
    ScheduleRecipe,
    TelemetryRecipe,
    TokenizerRecipe,
    TrainRecipe,
)
from eigenlm.train.watcher import Watcher
from eigenlm.verb import Verb

__all__ = [
    "DataRecipe",
    "LayoutRecipe",
    "OptimizerRecipe",
    "Outcome",
    "Recipe",
    "ScheduleRecipe",
    "TelemetryRecipe",
    "TokenizerRecipe",
    "TrainRecipe",
    "Watcher",
    "read_recipe",
    "train",
    "with_changes",
]

sys.modules[__name__].__class__ = Verb
