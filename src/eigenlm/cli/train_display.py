"""What a person sees of a run: a bar on a terminal, lines elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path

import psutil
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eigenlm import progress
from eigenlm.terminal import Terminal
from eigenlm.training import Recipe, Watcher
from eigenlm.training.evaluation import Evaluation
from eigenlm.training.telemetry.alarms import Alarm
from eigenlm.training.training import Step, Training

_SMOOTHING = 0.1


class Display(Watcher):
    """Progress on standard error: loss, tokens a second, time left, share of the machine's rate, memory."""

    def __init__(self, recipe: Recipe, when_begun: Callable[[], None] = lambda: None) -> None:
        """Show a run of this recipe, of several ranks the first alone; `when_begun` is called before its first step."""
        self._when_begun = when_begun
        self.speaks = os.environ.get("RANK", "0") == "0"
        self._console = Terminal(stderr=True, highlight=False)
        columns = (
            TextColumn("{task.fields[loss]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        is_live = self.speaks and self._console.is_terminal
        self._progress = Progress(*columns, console=self._console, disable=not is_live, transient=True)
        self._task = self._progress.add_task("", total=recipe.train.steps, loss="", speed="")
        self._steps, self._loss, self._rate, self._pace = recipe.train.steps, 0.0, 0.0, progress.Pace()

    def __enter__(self) -> "Display":
        """Start showing."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""
        self._progress.stop()

    def began(self, training: Training, folder: Path, resumed: bool, peak_flops: float) -> None:
        """Say what is trained, on what, where."""
        self._when_begun()
        recipe, train = training.recipe, training.shards.train
        parameters = sum(parameter.numel() for parameter in training.model.parameters())
        tokens = recipe.train.batch_size * recipe.context_length
        self._say(f"[bold]{recipe.name}[/]  {parameters:,} parameters, {recipe.train.precision}, in {folder}")
        self._say(
            f"  {train.num_tokens:,} tokens of {train.num_documents:,} document(s) to learn from,"
            f" {training.shards.validation.num_tokens:,} kept apart; {recipe.train.steps:,} steps of {tokens:,} tokens,"
            f" {recipe.train.steps * tokens / train.num_tokens:.1f} times over the text"
        )
        self._say(f"  products run at {peak_flops / 1e9:,.0f} GFLOP/s here")
        if resumed:
            done = training.position.step == recipe.train.steps
            self._say("  finished already" if done else f"  going on from step {training.position.step:,}")
        self._progress.update(self._task, completed=training.position.step)

    def stepped(self, step: Step, seconds: float, tokens_per_second: float, mfu: float) -> None:
        """Move the bar, or print a line now and then."""
        fresh = self._rate == 0
        self._loss = step.loss if fresh else self._loss + _SMOOTHING * (step.loss - self._loss)
        self._rate = tokens_per_second if fresh else self._rate + _SMOOTHING * (tokens_per_second - self._rate)
        memory = psutil.Process().memory_info().rss
        speed = f"{self._rate:,.0f} tokens/s, MFU {mfu:.0%}, {memory / 1e9:.1f} GB"
        self._progress.update(self._task, completed=step.step + step.taken, loss=f"loss {self._loss:.3f}", speed=speed)
        if not self._console.is_terminal and self._pace.is_due():
            left = (self._steps - step.step) * step.num_tokens / self._rate
            self._say(f"step {step.step:,} of {self._steps:,}  loss {self._loss:.3f}  {speed}, {left:,.0f} s left")

    def alarmed(self, step: int, alarm: Alarm) -> None:
        """Tell what is wrong and what helps."""
        colour = "red" if alarm.severe else "yellow"
        self._say(f"[{colour}]step {step:,}: {escape(alarm.message)}[/]; {escape(alarm.advice)}")

    def went_back(self, step: int, to: int, batches: range) -> None:
        """Tell of a rollback."""
        passed_over = f"batches {batches[0]:,} to {batches[-1]:,} will be passed over"
        self._say(f"[red]step {step:,}: back to step {to:,}; {passed_over}[/]")

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """A line for each score."""
        bits = "" if evaluation.bits_per_byte is None else f", {evaluation.bits_per_byte:.4f} bits a byte"
        best = ", the best so far" if is_best else ""
        line = f"validation {evaluation.nll:.4f} nats a token{bits}"
        self._say(f"step {evaluation.step:,}  loss {self._loss:.3f}  {line}{best}")

    def sampled(self, step: int, text: str) -> None:
        """What the model wrote, in quotes."""
        self._say(f"  [dim]{escape(repr(text))}[/]")

    def _say(self, line: str) -> None:
        if self.speaks:
            self._progress.console.print(line, soft_wrap=not self._console.is_terminal)
