"""A tiny model and steps on texts that are a function of the step alone, for one process and for many."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eigenlm.machine.processes import Ranks
from eigenlm.model import DenseFeedForward, NormConfig, PositionConfig, SoftmaxConfig, Transformer, TransformerConfig
from eigenlm.training.optimizers import CombinedOptimizer
from eigenlm.training.optimizers.build import build_optimizer
from eigenlm.training.parallel import clip_gradients_, gradients_summed, one_mesh_a_group, parallelize_
from eigenlm.training.recipe import LayoutRecipe, OptimizerRecipe

BATCH, LENGTH, VOCABULARY = 8, 16, 61
GPT = TransformerConfig.uniform(
    vocab_size=VOCABULARY,
    context_length=LENGTH,
    d_model=32,
    num_layers=2,
    attention=SoftmaxConfig(num_heads=4, num_kv_heads=4, head_dim=8, bias=True, output_bias=True),
    feed_forward=DenseFeedForward(d_ff=60),
    positions=PositionConfig(kind="learned"),
)
QWEN = TransformerConfig.uniform(
    vocab_size=VOCABULARY,
    context_length=LENGTH,
    d_model=31,  # odd, so that shards are uneven
    num_layers=2,
    attention=SoftmaxConfig(num_heads=4, num_kv_heads=2, head_dim=8, query_key_norm="head"),
    feed_forward=DenseFeedForward(d_ff=64, activation="silu", gated=True, bias=False),
    norm=NormConfig(kind="rms"),
)
MODELS = {"gpt": GPT, "qwen": QWEN}


class SummedLoss(nn.Module):
    """The sum of the losses over the targets of a batch; -100 marks none."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        logits = self.model.logits(self.model.hidden(ids))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


@dataclass
class Run:
    """A training and what it saw."""

    model: Transformer
    module: nn.Module
    optimizer: torch.optim.Optimizer | CombinedOptimizer
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)


def start(
    config: TransformerConfig, layout: LayoutRecipe, ranks: Ranks, *, seed: int = 0, kind: str | None = None
) -> Run:
    """A run before its first step; torch's AdamW over everything, or an optimizer of the project."""
    torch.manual_seed(seed)
    model = Transformer(config)
    module = parallelize_(SummedLoss(model), layout, ranks)
    if kind is not None:
        return Run(model, module, build_optimizer(model, OptimizerRecipe(kind=kind)))
    groups = one_mesh_a_group([{"params": list(model.parameters())}])
    return Run(model, module, torch.optim.AdamW(groups, lr=1e-3, fused=True))


def go_on(run: Run, ranks: Ranks, steps: range, micro_batches: int = 1) -> Run:
    """Steps with clipping."""
    share = BATCH // ranks.data_size
    for step in steps:
        ids, targets = batch(step)
        count = int((targets >= 0).sum())
        mine = slice(ranks.data_rank * share, (ranks.data_rank + 1) * share)
        parts = list(zip(ids[mine].chunk(micro_batches), targets[mine].chunk(micro_batches), strict=True))
        total = torch.zeros(())
        for i, (some_ids, some_targets) in enumerate(parts):
            with gradients_summed(run.module, now=i == len(parts) - 1):
                loss = run.module(some_ids, some_targets)
                (loss * ranks.data_size / count).backward()
            total += loss.detach()
        run.losses.append(float(ranks.sum(total)) / count)
        run.norms.append(float(clip_gradients_(run.model.parameters(), 1.0)))
        for group in run.optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 20)  # without a warm-up Adam's first steps amplify rounding
        run.optimizer.step()
        run.optimizer.zero_grad()
    return run


def train(config: TransformerConfig, layout: LayoutRecipe, ranks: Ranks, steps: int, micro_batches: int = 1) -> Run:
    """A run of AdamW from its first step on."""
    return go_on(start(config, layout, ranks), ranks, range(steps), micro_batches)


def batch(step: int) -> tuple[Tensor, Tensor]:
    """Texts with uneven numbers of targets, so that a mean of means would differ from the mean."""
    generator = torch.Generator().manual_seed(step)
    text = torch.randint(0, VOCABULARY, (BATCH, LENGTH + 1), generator=generator)
    targets = text[:, 1:].clone()
    targets[0, :9] = -100
    targets[5, 3:] = -100
    return text[:, :-1].contiguous(), targets
