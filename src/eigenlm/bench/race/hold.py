"""A race from its plan to its page."""

import json
from dataclasses import replace
from pathlib import Path

import torch

from eigenlm.bench.race.announcer import Announcer
from eigenlm.bench.race.page import write_page
from eigenlm.bench.race.plan import Race, Run
from eigenlm.bench.race.result import RaceResult, result_of
from eigenlm.bench.race.runs import RunResult, execute
from eigenlm.bench.race.stages import planned_steps, run_stages
from eigenlm.config import to_dict
from eigenlm.files import write_text
from eigenlm.machine.processes import Ranks
from eigenlm.model import Transformer
from eigenlm.planner.room import check_run
from eigenlm.text.shards import TokenShards
from eigenlm.training.data import prepare_data
from eigenlm.training.inputs import check_inputs
from eigenlm.training.recipe import OptimizerRecipe, Recipe
from eigenlm.training.run_folder import held, settle_recipe


def hold_race(plan: Race, folder: str | Path) -> RaceResult:
    """Run a race in a folder, and write `race.json` and `race.html` there.

    Each run has a sub-folder of `runs`, that tells by its name what it is. Called again, it passes over the finished
    runs and goes on; with more seeds, points or optimizers it makes those that are missing.

    Raises:
        ConfigError: the folder is of another recipe or in use, or an optimizer diverges at every learning rate.
        DataError: text that cannot be used, or a full disk.
    """
    folder = Path(folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with held(folder), Announcer(planned_steps(plan)) as announcer:
        recipe = settle_recipe(plan.recipe, folder, device)
        check_inputs(recipe, folder)
        tokenizer, shards = prepare_data(recipe, folder)
        recipe = recipe.with_vocabulary(tokenizer.vocab_size)
        for kind in plan.optimizers:
            check_run(replace(recipe, optimizer=OptimizerRecipe(kind=kind)), Ranks(device=device))

        def run_one(run: Run) -> RunResult:
            announcer.begin(run)
            result = execute(run, recipe, folder, announcer.stepped)
            announcer.end(result)
            return result

        result = result_of(plan, run_stages(plan, run_one), _facts(recipe, shards, device))
        write_text(folder / "race.json", json.dumps(to_dict(result), indent=1) + "\n")
        write_page(result, folder / "race.html")
    return result


def _facts(recipe: Recipe, shards: TokenShards, device: torch.device) -> dict[str, str]:
    model, t = recipe.model, recipe.train
    with torch.device("meta"):
        numbers = sum(parameter.numel() for parameter in Transformer(model).parameters())
    where = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{torch.get_num_threads()} thread(s) of a processor"
    )
    return {
        "Model": f"{numbers / 1e6:.1f}M parameters, {model.num_layers} layers of width {model.d_model}",
        "Text": f"{shards.train.num_tokens:,} tokens of {model.vocab_size:,} kinds",
        "Each run": f"{t.steps:,} steps of {t.batch_size} x {recipe.context_length} tokens",
        "Machine": f"{where}, {t.precision}, torch {torch.__version__.partition('+')[0]}",
    }
