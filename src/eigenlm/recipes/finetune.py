"""Goes on with a model on a text of yours, SmolLM2 135M unless told otherwise.

eigenlm train finetune --text notes.txt
eigenlm train finetune --text notes.txt --from runs/gpt_small-4/model
"""

from pathlib import Path
from typing import Literal

from eigenlm.training import DataRecipe, OptimizerRecipe, Recipe, ScheduleRecipe, TrainRecipe, architecture

OBJECTIVES: dict[str, Literal["next_token", "masked", "denoising"]] = {
    "decoder": "next_token",
    "encoder": "masked",
    "encoder_decoder": "denoising",
}


def recipe(start: str = "smollm2-135m-instruct") -> Recipe:
    """100 steps of 4 texts of up to 256 tokens, at a fiftieth of the learning rate of a new model."""
    model = architecture(start)
    return Recipe(
        name=f"finetune-{Path(start).name.removesuffix('.gguf')}",
        start=start,
        model=model,
        data=DataRecipe(
            context_length=min(256, model.context_length),
            objective=OBJECTIVES[model.kind],
        ),
        optimizer=OptimizerRecipe(learning_rate=2e-5, weight_decay=0.0),
        schedule=ScheduleRecipe(kind="linear", warmup=10),
        train=TrainRecipe(steps=100, batch_size=4, eval_every=25, eval_tokens=8192, save_every=50, sample_every=50),
    )
