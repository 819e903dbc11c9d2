"""The loop: step, watch, score, save; and go on from where it stopped."""

import math
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from eigenlm.errors import ConfigError, explain
from eigenlm.files import unused
from eigenlm.machine.facts import product_rate
from eigenlm.machine.heap import keep_freed_memory
from eigenlm.machine.processes import Ranks, join_ranks
from eigenlm.shown import Shown
from eigenlm.training.curves import check_curves
from eigenlm.training.data import prepare_data
from eigenlm.training.evaluation import Evaluation, evaluate
from eigenlm.training.flops import batch_flops
from eigenlm.training.inputs import check_inputs, is_model_noted, note_model
from eigenlm.training.journal import Journal
from eigenlm.training.recipe import Recipe
from eigenlm.training.result import is_saved, sample, trained_model
from eigenlm.training.run_folder import (
    disk_errors_told,
    forget_other_recipe,
    held,
    lengthen,
    run_identity,
    settle_recipe,
    sweep,
)
from eigenlm.training.schedules import check as check_schedule
from eigenlm.training.snapshots import (
    latest_snapshot,
    load_snapshot,
    prune_snapshots,
    save_snapshot,
    snapshot_before,
    snapshot_name,
    snapshots,
)
from eigenlm.training.start import open_start
from eigenlm.training.telemetry.alarms import SPIKE_STEPS
from eigenlm.training.training import Step, Training
from eigenlm.training.watcher import Watcher

# A run that has to pass over more batches than this within so many steps is not hit by bad data: it diverges.
_MOST_PASSED_OVER, _WITHIN = 10, 50


@dataclass(frozen=True, kw_only=True)
class Outcome(Shown):
    """How a run ended.

    Attributes:
        folder: of the run.
        step: optimizer steps made.
        finished: whether all steps are made; otherwise the same call goes on.
        model: the model folder, when finished.
        evaluation: the last one of this process; None if it made none.
    """

    folder: Path
    step: int
    finished: bool
    model: Path | None
    evaluation: Evaluation | None


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    watcher: Watcher | None = None,
    stop: Callable[[], bool] = lambda: False,
    check: Callable[[Recipe, Ranks], None] = lambda recipe, ranks: None,
) -> Outcome:
    """Train what a recipe says, in a folder, from the beginning or from where it stopped.

    The folder gets the recipe, the tokenizer, the shards, logs, snapshots and, at the end, `model`. Called again it
    goes on from the last whole snapshot; weights, optimizer and `log.jsonl` come out as if it had never stopped, to the
    bit, on the same machine with as many threads. With more `train.steps` it goes on to them, from where it stands and
    on the schedule of the new length. Under torchrun each process calls it.

    Args:
        recipe: what to train.
        folder: of the run.
        watcher: is told of what happens.
        stop: asked between steps, and between the micro-batches of a single process; when it says True, the run is
            saved as it stands.
        check: is given the settled recipe before the model is made, and raises what is to stop it there.

    Raises:
        ConfigError: a recipe that makes no run, the folder of another recipe, or a run that diverges.
        DataError: text or shards that cannot be used, or a full disk.
        CheckpointError: no whole snapshot among those there.
        RankError: another rank was killed, or failed.
    """
    folder = Path(folder)
    keep_freed_memory()
    with disk_errors_told(folder), join_ranks(tensor=recipe.layout.tensor) as ranks, ExitStack() as stack:
        check_schedule(recipe.train.steps, recipe.schedule)
        is_new = recipe.start is not None and not snapshots(folder / "snapshots")
        start = open_start(recipe) if is_new else None
        check_curves(recipe.train.curves if ranks.is_first else ())
        if ranks.is_first:
            stack.enter_context(held(folder))
            if (folder / "recipe.json").exists():
                sweep(folder)
            forget_other_recipe(recipe, folder)
            lengthen(recipe, folder, ranks.device)
            recipe = settle_recipe(recipe, folder, ranks.device)
            check_inputs(recipe, folder)
            data = prepare_data(recipe, folder)
            check(recipe.with_vocabulary(data[0].vocab_size), ranks)
        ranks.barrier()
        if not ranks.is_first:
            recipe = settle_recipe(recipe, folder, ranks.device)
            data = prepare_data(recipe, folder)
        training = Training(recipe, *data, ranks, start)
        return _Run(training, folder, watcher or Watcher()).go(stop)


class _Run:
    def __init__(self, training: Training, folder: Path, watcher: Watcher) -> None:
        self.training, self.folder, self.watcher = training, folder, watcher
        self.snapshots = folder / "snapshots"
        self.identity = run_identity(folder, training.shards.manifest)
        self.best: str | None = None
        self.evaluation: Evaluation | None = None
        self.peak_flops = product_rate(training.model.activation_dtype or torch.float32, training.ranks.device)
        self.flops = batch_flops(training.recipe).step

    @property
    def ranks(self) -> Ranks:
        return self.training.ranks

    def go(self, stop: Callable[[], bool]) -> Outcome:
        training, log_bytes, log_sha256 = self.training, 0, None
        found = self.ranks.broadcast(self._latest() if self.ranks.is_first else None)
        if found is not None:
            state = load_snapshot(self.snapshots / found, training)
            log_bytes, log_sha256, self.best = state["log_bytes"], state.get("log_sha256"), state["best"]
            self._check_threads(state.get("threads"))
        curves = training.recipe.train.curves
        self.watcher.began(training, self.folder, found is not None, self.peak_flops)
        with ExitStack() as stack:
            self.journal = (
                stack.enter_context(Journal(self.folder, log_bytes, training.position.step, log_sha256, curves))
                if self.ranks.is_first
                else None
            )
            if found is None:
                self._save()
            finished = self._steps(stop)
        model = self._finish() if finished else None
        return Outcome(
            folder=self.folder,
            step=training.position.step,
            finished=finished,
            model=model,
            evaluation=self.evaluation,
        )

    def _steps(self, stop: Callable[[], bool]) -> bool:
        training, steps = self.training, self.training.recipe.train.steps
        while training.position.step < steps:
            start = time.perf_counter()
            step = None if self.ranks.any(stop()) else training.step(stop)
            if step is None:
                self._save(stopped=True)
                return False
            self._note(step, time.perf_counter() - start)
            if training.recipe.telemetry.rollback and step.taken and self.ranks.any(step.is_severe):
                self._go_back(step)
            elif step.taken:
                self._score_and_save()
            self._check_divergence()
        return True

    def _note(self, step: Step, seconds: float) -> None:
        rate = step.num_tokens / seconds
        mfu = self.flops / seconds / (self.peak_flops * self.ranks.size)
        if self.journal is not None:
            self.journal.step(step, seconds=seconds, tokens_per_second=rate, mfu=mfu)
            self.watcher.stepped(step, seconds, rate, mfu)
            for alarm in step.alarms:
                self.watcher.alarmed(step.step, alarm)

    def _score_and_save(self) -> None:
        t, step = self.training.recipe.train, self.training.position.step
        is_last, improved = step == t.steps, False
        if step % t.eval_every == 0 or is_last:
            improved = self._evaluate()
        if self.training.recipe.model.kind == "decoder" and t.sample_every and step % t.sample_every == 0:
            self._sample()
        if step % t.save_every == 0 or improved or is_last:
            self._save()

    def _evaluate(self) -> bool:
        position = self.training.position
        self.evaluation = evaluate(self.training)
        nll, best = self.evaluation.nll, position.best_nll
        improved = self.ranks.any(math.isfinite(nll) and (best is None or nll < best))
        if improved:
            position.best_nll, self.best = self.evaluation.nll, snapshot_name(position)
        if self.journal is not None:
            self.journal.evaluation(self.evaluation)
            self.watcher.evaluated(self.evaluation, improved)
        return improved

    def _sample(self) -> None:
        lm = trained_model(self.training, self.folder)
        if self.journal is not None and lm is not None:
            text = sample(lm, self.training)
            self.journal.sample(self.training.position.step, text)
            self.watcher.sampled(self.training.position.step, text)
        self.ranks.barrier()

    def _save(self, *, stopped: bool = False) -> None:
        beside: dict[str, Any] = {"run": self.identity, "best": self.best, "threads": torch.get_num_threads()}
        if self.journal is not None:
            beside |= {"log_bytes": self.journal.settled(), "log_sha256": self.journal.sha256}
        path = save_snapshot(self.snapshots, self.training, beside, stopped=stopped)
        if self.journal is not None:
            prune_snapshots(self.snapshots, self.training.recipe.train.keep_last, path, self.best)
            self.watcher.saved(path)
        self.ranks.barrier()

    def _go_back(self, step: Step) -> None:
        """Begin again before the spike, without the batches that saw it and the one whose step may have caused it."""
        position = self.training.position
        suspects = range(max(0, step.batch - SPIKE_STEPS), step.batch + 1)
        passed_over = {*position.passed_over, *suspects}
        found = snapshot_before(self.snapshots, suspects.start, self.identity) if self.ranks.is_first else None
        name = self.ranks.broadcast(None if found is None else found.name)
        state = load_snapshot(self.snapshots / name, self.training)
        self.best, position = state["best"], self.training.position
        for batch in sorted(passed_over.difference(position.passed_over)):
            self.training.pass_over(batch)
        if self.journal is not None:
            batches = f"batches {suspects.start} to {step.batch}"
            self.journal.event(step.step, f"back to step {position.step}; {batches} will be passed over")
            self.watcher.went_back(step.step, position.step, suspects)

    def _check_divergence(self) -> None:
        position = self.training.position
        recent = [batch for batch in position.passed_over if batch > position.batch - _WITHIN]
        if len(recent) > _MOST_PASSED_OVER:
            do = f"lower optimizer.learning_rate; snapshots and log are in {self.folder}"
            got = f"{len(recent)} batches without a usable step"
            raise ConfigError(explain(f"step {position.step}", expected="a run that learns", got=got, do=do))

    def _latest(self) -> str | None:
        found = latest_snapshot(self.snapshots, self.identity)
        return None if found is None else found.name

    def _check_threads(self, before: int | None) -> None:
        now = torch.get_num_threads()
        if self.ranks.is_first and before not in (None, now):
            told = f"eigenlm: {self.folder} was trained with {before} threads and goes on with {now}"
            print(f"{told}, so the last bits may differ from those of one go", file=sys.stderr)

    def _finish(self) -> Path:
        target, lm = self.folder / "model", trained_model(self.training, self.folder)
        if lm is None:
            return target
        if not (is_saved(lm, target) and is_model_noted(self.folder)):
            if target.exists():
                aside = unused(target.with_name("model-before"))
                target.rename(aside)
                print(f"eigenlm: {target} is not what this run made; it is {aside} now", file=sys.stderr)
            lm.save(target)
        note_model(self.folder)
        return target
