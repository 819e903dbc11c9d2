"""Steps and time to the loss of a swept AdamW: Muon, SOAP, Shampoo and SGD on a small GPT, by `eigenlm race`.

0.9M parameters, 4,096 tokens a step, a million tokens a run; learning rates swept for all, several seeds at the best,
losses read at the end of each schedule, challengers on schedules of several lengths. Killed and started again it goes
on. The page is FOLDER/race.html.

    python benchmarks/race.py --text TEXT [--out FOLDER] [--optimizers adamw,muon,soap,shampoo,sgd] [--seeds 3]
"""

import argparse
from pathlib import Path
from typing import Any

from record import record

from eigenlm.allowed import optimizer_kinds
from eigenlm.bench.race import Entrant, Race, RaceResult, hold_race
from eigenlm.bench.race.words import verdict
from eigenlm.config import to_dict
from eigenlm.model import DenseFeedForward, SoftmaxConfig, TransformerConfig
from eigenlm.training import DataRecipe, Recipe, ScheduleRecipe, TokenizerRecipe, TrainRecipe

WIDTH, HEADS, VOCAB = 128, 4, 2048


def recipe(text: str, steps: int) -> Recipe:
    return Recipe(
        name="gpt-0.9M",
        model=TransformerConfig.uniform(
            vocab_size=VOCAB,
            context_length=128,
            d_model=WIDTH,
            num_layers=3,
            attention=SoftmaxConfig(
                num_heads=HEADS, num_kv_heads=HEADS, head_dim=WIDTH // HEADS, bias=True, output_bias=True
            ),
            feed_forward=DenseFeedForward(d_ff=4 * WIDTH, activation="gelu_tanh"),
        ),
        tokenizer=TokenizerRecipe(vocab_size=VOCAB),
        data=DataRecipe(text=text),
        schedule=ScheduleRecipe(kind="wsd", warmup=steps // 10, decay=0.4),
        train=TrainRecipe(steps=steps, batch_size=32, save_every=steps),
    )


def figures(result: RaceResult) -> dict[str, Any]:
    race = result.race
    return {
        "text": Path(race.recipe.data.text or "").name,
        "setting": result.facts,
        "steps": race.steps,
        "learning_rates_each": race.points,
        "seeds": race.seeds,
        "lengths": [race.steps, *race.lengths],
        "target": race.target,
        "runs": result.num_runs,
        "minutes_of_steps": round(result.seconds / 60, 1),
        "entrants": {entrant.optimizer: figures_of(result, entrant) for entrant in result.entrants},
    }


def figures_of(result: RaceResult, entrant: Entrant) -> dict[str, Any]:
    """All of an entrant but the curves of its runs."""
    plain = {name: value for name, value in to_dict(entrant).items() if name not in ("sweep", "runs", "optimizer")}
    return plain | {
        "sweep": {f"{run.run.learning_rate:.3g}": run.nll for run in entrant.sweep},
        "final_losses": [run.nll for run in entrant.runs],
        "step_seconds_by_seed": [run.step_seconds for run in entrant.runs],
        "verdict": verdict(result, entrant),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True)
    parser.add_argument("--out", default="races/benchmark")
    parser.add_argument("--optimizers", default="adamw,muon,soap,shampoo,sgd")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--points", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    race = Race(
        recipe=recipe(given.text, given.steps),
        optimizers=optimizer_kinds(given.optimizers),
        points=given.points,
        seeds=given.seeds,
    )
    record("race", figures(hold_race(race, given.out)))


if __name__ == "__main__":
    main()
