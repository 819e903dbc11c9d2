"""A model in training: one optimizer step after another, each a function of the state and of nothing else."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eigenlm.checkpoint import Opened
from eigenlm.errors import ConfigError, explain
from eigenlm.machine.processes import Ranks
from eigenlm.model import Transformer
from eigenlm.text.batches import IGNORED, Batches, validation_rows
from eigenlm.text.shards import TokenShards
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.training.losses import CrossEntropyTerms
from eigenlm.training.objective import Learner, Question, ask
from eigenlm.training.optimizers.build import build_optimizer
from eigenlm.training.parallel import clip_gradients_, gradients_summed, parallelize_
from eigenlm.training.recipe import Recipe
from eigenlm.training.schedules import factor
from eigenlm.training.start import started_model
from eigenlm.training.telemetry import Alarms, Reading, Telemetry
from eigenlm.training.telemetry.alarms import Alarm


@dataclass
class Position:
    """Where a run stands, in plain numbers.

    Attributes:
        step: optimizer steps made.
        batch: index of the next batch: steps, and batches that were passed over.
        micro: how many micro-batches of it are in the gradients already.
        loss_sum: their summed loss on this rank.
        best_nll: of all evaluations; None before the first.
        passed_over: batches that gave no step.
    """

    step: int = 0
    batch: int = 0
    micro: int = 0
    loss_sum: float = 0.0
    best_nll: float | None = None
    passed_over: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step was.

    Attributes:
        step: its number, from 0.
        batch: of which batch.
        loss: mean over the targets, nats.
        gradient_norm: before clipping.
        learning_rate: of the main rule.
        num_tokens: that went through the model, on all ranks.
        taken: False where loss or gradient was not finite and the weights were left alone.
        reading: of the matrices, where one was due.
        alarms: what is wrong, if anything.
    """

    step: int
    batch: int
    loss: float
    gradient_norm: float
    learning_rate: float
    num_tokens: int
    taken: bool
    reading: Reading | None
    alarms: list[Alarm]

    @property
    def is_severe(self) -> bool:
        """Whether the weights are spoilt."""
        return any(alarm.severe for alarm in self.alarms)


class Training:
    """A recipe's model, optimizer and data on the ranks of this run.

    Attributes:
        recipe: with `train.precision` decided and `model.vocab_size` the tokenizer's.
        model: the transformer, float32 weights.
        position: where the run stands.
    """

    def __init__(
        self, recipe: Recipe, tokenizer: Tokenizer, shards: TokenShards, ranks: Ranks, start: Opened | None = None
    ) -> None:
        """Build everything at step 0, with random weights or those of `start`.

        Raises:
            CheckpointError: a weight of `start` is NaN or infinite.
            ConfigError: the batch does not divide by the ranks, or the optimizer, schedule or layout does not fit.
            DataError: too little text.
        """
        t = recipe.train
        if t.batch_size % ranks.data_size:
            got = f"{t.batch_size} for {ranks.data_size} ranks"
            raise ConfigError(explain("train.batch_size", expected="a multiple of the ranks", got=got))
        self.recipe = recipe.with_vocabulary(tokenizer.vocab_size)
        self.tokenizer, self.shards, self.ranks = tokenizer, shards, ranks
        self.batches = Batches(shards.train, recipe.context_length, t.batch_size, t.seed)
        torch.manual_seed(t.seed)
        config = self.recipe.model
        self.model = Transformer(config) if start is None else started_model(config, start, ranks.device)
        self.model.to(ranks.device)
        self.model.activation_dtype = {"float32": None, "bfloat16": torch.bfloat16}[t.precision]
        learner = Learner(self.model, CrossEntropyTerms(label_smoothing=t.label_smoothing, z_loss=t.z_loss))
        if t.compile:
            for block in self.model.blocks:
                block.compile()
        self.learner: nn.Module = parallelize_(learner, recipe.layout, ranks)
        self.optimizer = build_optimizer(self.model, recipe.optimizer)
        self.telemetry = Telemetry(self.model, recipe.telemetry, self._probe_loss)
        self.alarms = Alarms(recipe.telemetry)
        self.position = Position()

    def step(self, stop: Callable[[], bool] = lambda: False) -> Step | None:
        """Make one optimizer step; None if `stop` said so between two micro-batches, whose gradients then stay."""
        position = self.position
        questions = self._questions(position.batch)
        num_targets = int(self.ranks.sum(torch.tensor(sum(q.num_targets for q in questions))))
        seen = sum(q.num_targets for q in questions[: position.micro])
        for micro in range(position.micro, len(questions)):
            if micro > 0 and self.ranks.size == 1 and stop():
                return None
            self._accumulate(questions[micro], micro, num_targets, is_last=micro == len(questions) - 1)
            position.micro, seen = micro + 1, seen + questions[micro].num_targets
            if self.ranks.data_size == 1:  # else the gradient of each is another's, and sharded ones are not there yet
                self.telemetry.micro_batch(position.step, seen / max(num_targets, 1))
        loss = float(self.ranks.sum(torch.tensor(position.loss_sum, dtype=torch.float64))) / max(num_targets, 1)
        return self._update(loss, sum(q.ids.numel() for q in questions) * self.ranks.data_size)

    def plain_loss(self, question: Question) -> Tensor:
        """The summed cross-entropy of a question, without smoothing or z-loss, in nats."""
        return self.learner(**vars(question), plain=True)

    def pass_over(self, batch: int) -> None:
        """Leave a batch out when it comes."""
        self.position.passed_over.append(batch)
        self._leap()

    def tensors(self) -> dict[str, Tensor]:
        """Gradients of an unfinished step and what telemetry remembers; parameters and moments are beside them."""
        named = {f"telemetry.{name}": x for name, x in self.telemetry.state_dict().items() if isinstance(x, Tensor)}
        if self.position.micro:
            named |= {f"gradient.{name}": p.grad for name, p in self._parameters() if p.grad is not None}
        return named

    def numbers(self) -> dict[str, Any]:
        """Everything else that the next step depends on, as plain JSON."""
        watched = {name: x for name, x in self.telemetry.state_dict().items() if not isinstance(x, Tensor)}
        return {"position": vars(self.position), "telemetry": watched, "alarms": self.alarms.state_dict()}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Go on from what `tensors` and `numbers` gave; parameters and moments are loaded beside."""
        self.position = Position(**numbers["position"])
        if self.ranks.size > 1:  # a single process stopped within a step; its micro-batches were cut otherwise
            self.position.micro, self.position.loss_sum = 0, 0.0
        self.alarms.load_state_dict(numbers["alarms"])
        prefix = "telemetry."
        watched = {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}
        self.telemetry.load_state_dict({**numbers["telemetry"], **watched})
        for name, parameter in self._parameters():
            parameter.grad = tensors.get(f"gradient.{name}") if self.position.micro else None

    def empty_tensors(self, position: Position) -> dict[str, Tensor]:
        """Room for what `tensors` gave when the run stood at `position`."""
        room = {name: torch.empty_like(x) for name, x in self.tensors().items() if name.startswith("telemetry.")}
        if position.micro:
            room |= {f"gradient.{name}": torch.empty_like(p.detach()) for name, p in self._parameters()}
        return room

    def _parameters(self) -> list[tuple[str, nn.Parameter]]:
        return list(self.model.named_parameters())

    def _questions(self, batch: int) -> list[Question]:
        """This rank's share of a batch, cut into micro-batches."""
        t, ranks = self.recipe.train, self.ranks
        share = t.batch_size // ranks.data_size
        first, size = batch * t.batch_size + ranks.data_rank * share, t.micro_batch_size or share
        cuts = [(start, min(size, share - start)) for start in range(0, share, size)]
        rows = (self.batches.rows(first + start, count) for start, count in cuts)
        return [ask(part, self.tokenizer, self.recipe.data, t.seed).to(ranks.device) for part in rows]

    def _accumulate(self, question: Question, micro: int, num_targets: int, *, is_last: bool) -> None:
        position = self.position
        torch.manual_seed(_seed(self.recipe.train.seed, position.batch, micro, self.ranks.data_rank))
        with gradients_summed(self.learner, now=is_last):
            loss = self.learner(**vars(question))
            (loss * (self.ranks.data_size / max(num_targets, 1))).backward()
        position.loss_sum += float(loss.detach())

    def _update(self, loss: float, num_tokens: int) -> Step:
        position, recipe = self.position, self.recipe
        rate = factor(position.step, recipe.train.steps, recipe.schedule)
        self.telemetry.before_step(position.step)
        parameters = [p for _, p in self._parameters()]
        norm = float(clip_gradients_(parameters, recipe.optimizer.clip or math.inf))
        taken = not self.ranks.any(not (math.isfinite(norm) and math.isfinite(loss)))
        reading = None
        if taken:
            for group in self.optimizer.param_groups:
                group["lr"] = group["initial_lr"] * rate
            self.optimizer.step()
            reading = self.telemetry.after_step(position.step, recipe.optimizer.learning_rate * rate)
        self.optimizer.zero_grad(set_to_none=True)
        done = Step(
            step=position.step,
            batch=position.batch,
            loss=loss,
            gradient_norm=norm,
            learning_rate=recipe.optimizer.learning_rate * rate,
            num_tokens=num_tokens,
            taken=taken,
            reading=reading,
            alarms=self.alarms.check(position.step, loss=loss, gradient_norm=norm, reading=reading),
        )
        if not taken:
            position.passed_over.append(position.batch)
        position.step, position.batch = position.step + taken, position.batch + 1
        position.micro, position.loss_sum = 0, 0.0
        self._leap()
        return done

    def _leap(self) -> None:
        while self.position.batch in self.position.passed_over:
            self.position.batch += 1

    def _probe_loss(self) -> Tensor:
        """The loss of the first validation row: small, fixed, and with products that can be differentiated twice."""
        batch = next(validation_rows(self.shards.validation, self.recipe.context_length, 1))
        q = ask(batch, self.tokenizer, self.recipe.data, self.recipe.train.seed).to(self.ranks.device)
        fast, self.model.activation_dtype = self.model.activation_dtype, None
        try:
            source = None if q.source is None else self.model.encode(q.source, q.source_positions)
            logits_BTV = self.model.logits(
                self.model.hidden(q.ids, positions=q.positions, documents=q.documents, source=source)
            )
        finally:
            self.model.activation_dtype = fast
        return F.cross_entropy(logits_BTV.flatten(0, 1), q.targets.flatten(), ignore_index=IGNORED)


def _seed(*numbers: int) -> int:
    digest = hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
