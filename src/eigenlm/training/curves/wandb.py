"""Curves in Weights & Biases; its own variables say where and how (`WANDB_MODE`, `WANDB_PROJECT`)."""

import os
import uuid
from pathlib import Path

import wandb

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.training.curves.service import Once, refused


class Wandb:
    """A run of Weights & Biases, with its files in the run's folder.

    Steps are a curve of their own: wandb refuses points that go back, as those after a rollback do.
    """

    failures: tuple[type[Exception], ...] = (wandb.errors.Error,)

    def __init__(self, folder: Path, run: str | None) -> None:
        recipe = read_json_object(folder / "recipe.json")["settled"]
        self.run = run or uuid.uuid4().hex[:8]
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", "eigenlm"),
                name=recipe["name"],
                id=self.run,
                resume="allow" if run else None,
                dir=folder,
                config=recipe,
                settings=wandb.Settings(console="off"),
            )
        except self.failures as error:
            raise refused("wandb", error, "run wandb login, or set WANDB_MODE=offline") from error
        self._run.define_metric("*", step_metric="step")

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Add a point to each of some curves."""
        self._run.log({**values, "step": step})

    def text(self, name: str, words: str, step: int) -> None:
        """Add a text."""
        self._run.log({name: words, "step": step})

    def close(self) -> None:
        """Wait until everything is written, or sent."""
        self._run.finish()


def opened(folder: Path, step: int) -> Once:
    """A run of wandb for a run."""
    return Once("wandb", lambda run: Wandb(folder, run), folder, step)
