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
    "read_recipe",
    "train",
    "with_changes",
]
