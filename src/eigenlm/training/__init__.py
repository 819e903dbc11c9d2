"""Training: a recipe, a text and a machine to a model folder, exactly, and watched."""

from eigenlm.training.loop import Outcome, train
from eigenlm.training.recipe import (
    DataRecipe,
    LayoutRecipe,
    OptimizerRecipe,
    Recipe,
    ScheduleRecipe,
    TelemetryRecipe,
    TokenizerRecipe,
    TrainRecipe,
)
from eigenlm.training.recipe_file import read_recipe, with_changes
from eigenlm.training.start import architecture, started_from
from eigenlm.training.watcher import Watcher

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
    "architecture",
    "read_recipe",
    "started_from",
    "train",
    "with_changes",
]
