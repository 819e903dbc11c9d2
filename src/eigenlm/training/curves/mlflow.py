"""Curves in MLflow; its own variables say where (`MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME`)."""

import os
import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.training.curves.service import Once, refused

_AT_ONCE = 1000  # points that MLflow takes in one call


class MLflow:
    """A run of MLflow, with the recipe as parameters and samples as files."""

    failures: tuple[type[Exception], ...] = (MlflowException,)

    def __init__(self, folder: Path, run: str | None) -> None:
        recipe = read_json_object(folder / "recipe.json")["settled"]
        try:
            self._client = MlflowClient()
            self.run = run or self._begun(recipe)
            self._client.update_run(self.run, status="RUNNING")
        except self.failures as error:
            do = f"set MLFLOW_TRACKING_URI, or move {folder / 'mlflow.json'} away to begin another run there"
            raise refused("mlflow", error, do) from error

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Add a point to each of some curves."""
        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        for first in range(0, len(metrics), _AT_ONCE):
            self._client.log_batch(self.run, metrics=metrics[first : first + _AT_ONCE])

    def text(self, name: str, words: str, step: int) -> None:
        """Add a text."""
        self._client.log_text(self.run, words, f"{name}/{step}.txt")

    def close(self) -> None:
        """Mark the run as ended."""
        self._client.set_terminated(self.run)

    def _begun(self, recipe: dict) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "eigenlm")
        found = self._client.get_experiment_by_name(name)
        experiment = self._client.create_experiment(name) if found is None else found.experiment_id
        run: str = self._client.create_run(experiment, run_name=recipe["name"]).info.run_id
        for group in ("train", "optimizer", "schedule", "data"):
            for key, value in recipe[group].items():
                self._client.log_param(run, f"{group}.{key}", value)
        return run


def opened(folder: Path, step: int) -> Once:
    """A run of MLflow for a run."""
    return Once("mlflow", lambda run: MLflow(folder, run), folder, step)
