"""From a recipe to an optimizer over a model's parameters."""

import inspect
from typing import Any

from torch import nn
from torch.optim import Optimizer

from eigenlm.training.optimizers.catalog import OPTIMIZERS, SETTINGS, OptimizerEntry
from eigenlm.training.optimizers.combined import CombinedOptimizer
from eigenlm.training.optimizers.costs import UpdateCosts, total
from eigenlm.training.optimizers.roles import Roles, roles
from eigenlm.training.parallel import one_mesh_a_group
from eigenlm.training.recipe import OptimizerRecipe

Group = dict[str, Any]
_REST = OPTIMIZERS["adamw"]


def build_optimizer(model: nn.Module, recipe: OptimizerRecipe) -> Optimizer | CombinedOptimizer:
    """The optimizer of a recipe over all trainable parameters of a model.

    A rule for matrices only takes the hidden matrices, and AdamW the rest at `other_learning_rate`; any other rule
    takes everything. Weight decay is on matrices, embeddings and head included, as GPT-2's and nanoGPT's recipes have
    it, and on no vector; it is decoupled, but for `sgd`, where it is torch's (the gradient of decay / 2 ||W||^2), and
    for `adam`, which has none (with one it is `adamw`).

    Every group carries its peak `initial_lr` and its `role`, so that a schedule is lr = initial_lr * factor(step).
    """
    entry, parts = OPTIMIZERS[recipe.kind], roles(model)
    decay = recipe.weight_decay if entry.decays else 0.0
    main = [_group("hidden", parts.hidden, recipe.learning_rate, decay)]
    if not entry.matrices_only:
        return _build(entry, _present(main + _others(parts, recipe.learning_rate, decay)), recipe)
    others = _present(_others(parts, recipe.other_learning_rate, decay))
    rest = [_build(_REST, others, recipe)] if others else []
    return CombinedOptimizer(*([_build(entry, main, recipe)] if parts.hidden else []), *rest)


def update_costs(model: nn.Module, kind: str) -> UpdateCosts:
    """What a step of an optimizer costs on all trainable parameters of a model, which may be on the meta device."""
    entry, parts = OPTIMIZERS[kind], roles(model)
    others = [*parts.embedding, *parts.head, *parts.vectors]
    rest = _REST if entry.matrices_only else entry
    return total([*(entry.costs(tuple(p.shape)) for p in parts.hidden), *(rest.costs(tuple(p.shape)) for p in others)])


def _build(entry: OptimizerEntry, groups: list[Group], recipe: OptimizerRecipe) -> Optimizer:
    settled, parameters = recipe.settled(), inspect.signature(entry.rule).parameters
    return entry.rule(groups, **{name: getattr(settled, name) for name in SETTINGS if name in parameters})


def _others(parts: Roles, learning_rate: float, weight_decay: float) -> list[Group]:
    return [
        _group("embedding", parts.embedding, learning_rate, weight_decay),
        _group("head", parts.head, learning_rate, weight_decay),
        _group("vector", parts.vectors, learning_rate, 0.0),
    ]


def _group(role: str, parameters: list[nn.Parameter], learning_rate: float, weight_decay: float) -> Group:
    rates = {"lr": learning_rate, "initial_lr": learning_rate, "weight_decay": weight_decay}
    return {"params": parameters, "role": role, **rates}


def _present(groups: list[Group]) -> list[Group]:
    return one_mesh_a_group([group for group in groups if group["params"]])
