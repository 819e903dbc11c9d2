"""A small training run on real text, with the telemetry in its loop as a trainer would call it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from eigenlm.model import DenseFeedForward, SoftmaxConfig, Transformer, TransformerConfig
from eigenlm.text.python_documentation import python_documentation
from eigenlm.training.recipe import TelemetryRecipe
from eigenlm.training.telemetry import Alarms, Telemetry

VOCAB, CONTEXT = 128, 32


def build_model(d_model=16, num_layers=2, dtype=torch.float32, dropout=0.0):
    torch.manual_seed(0)
    config = TransformerConfig.uniform(
        vocab_size=VOCAB,
        context_length=CONTEXT,
        d_model=d_model,
        num_layers=num_layers,
        attention=SoftmaxConfig(num_heads=2, num_kv_heads=2, head_dim=d_model // 2),
        feed_forward=DenseFeedForward(d_ff=4 * d_model, activation="gelu_tanh"),
        dropout=dropout,
    )
    return Transformer(config).to(dtype)


@dataclass
class Run:
    """A loop in few lines; `interfere(run, step)` may spoil it before a step."""

    model: nn.Module
    text: torch.Tensor
    recipe: TelemetryRecipe
    learning_rate: float = 3e-3
    parts: int = 1
    step: int = 0
    readings: list = field(default_factory=list)
    alarms: list = field(default_factory=list)

    def __post_init__(self):
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.learning_rate)
        self.watch = Telemetry(self.model, self.recipe, probe=lambda: self.loss(self.batch(0)))
        self.ear = Alarms(self.recipe)

    def batch(self, step):
        places = torch.randint(len(self.text) - CONTEXT, (8,), generator=torch.Generator().manual_seed(step))
        return torch.stack([self.text[i : i + CONTEXT] for i in places.tolist()])

    def loss(self, ids):
        return F.cross_entropy(self.model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    def go(self, steps, interfere: Callable = lambda run, step: None):
        for _ in range(steps):
            self.step += 1
            interfere(self, self.step)
            loss = 0.0
            for i, ids in enumerate(self.batch(self.step).chunk(self.parts)):
                part = self.loss(ids) / self.parts
                part.backward()
                loss += part.item()
                self.watch.micro_batch(self.step, (i + 1) / self.parts)
            self.watch.before_step(self.step)
            gradient_norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), 1.0))
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rate * min(1.0, self.step / 20)
            self.optimizer.step()
            self.optimizer.zero_grad()
            reading = self.watch.after_step(self.step, self.learning_rate)
            self.readings += [reading] if reading is not None else []
            self.alarms += self.ear.check(self.step, loss=loss, gradient_norm=gradient_norm, reading=reading)
        return self


@pytest.fixture(scope="session")
def bytes_of_text():
    text = "\n".join(document.text for document in python_documentation()[:40])
    return torch.tensor([byte for byte in text.encode() if byte < VOCAB])


@pytest.fixture
def new_run(bytes_of_text):
    def build(recipe, model=None, **options):
        return Run(model if model is not None else build_model(), bytes_of_text, recipe, **options)

    return build
