"""From a recipe to an optimizer over a model's parameters."""

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from eigenlm.training.optimizers.combined import CombinedOptimizer
from eigenlm.training.optimizers.muon import Muon
from eigenlm.training.optimizers.roles import Roles, roles
from eigenlm.training.optimizers.shampoo import Shampoo
from eigenlm.training.optimizers.soap import SOAP
from eigenlm.training.parallel import one_mesh_a_group
from eigenlm.training.recipe import OptimizerRecipe

Group = dict[str, Any]


def build_optimizer(model: nn.Module, recipe: OptimizerRecipe) -> Optimizer | CombinedOptimizer:
    """The optimizer of a recipe over all trainable parameters of a model.

    `sgd`, `adam` and `adamw` are torch's fused ones over everything. `muon`, `soap` and `shampoo` take the hidden
    matrices, and AdamW the rest at `other_learning_rate`. Muon's update is scaled to AdamW's root mean square
    (arXiv:2502.16982), so that one learning rate means the same for all. Weight decay is on matrices, embeddings and
    head included, as GPT-2's and nanoGPT's recipes have it, and on no vector; it is decoupled, but for `sgd`, where it
    is torch's (the gradient of decay / 2 ||W||^2), and for `adam`, which has none (with one it is `adamw`).

    Every group carries its peak `initial_lr` and its `role`, so that a schedule is lr = initial_lr * factor(step).
    """
    parts, (b1, b2) = roles(model), recipe.betas
    main = [_group("hidden", parts.hidden, recipe.learning_rate, recipe.weight_decay)]
    if recipe.kind in ("sgd", "adam", "adamw"):
        groups = _present(main + _others(parts, recipe.learning_rate, recipe.weight_decay))
        if recipe.kind == "sgd":
            return SGD(groups, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=True)
        if recipe.kind == "adam":
            return Adam([g | {"weight_decay": 0.0} for g in groups], betas=(b1, b2), eps=recipe.eps, fused=True)
        return AdamW(groups, betas=(b1, b2), eps=recipe.eps, fused=True)
    others = _present(_others(parts, recipe.other_learning_rate, recipe.weight_decay))
    rest = [AdamW(others, betas=(b1, b2), eps=recipe.eps, fused=True)] if others else []
    return CombinedOptimizer(*([_matrix_rule(main, recipe)] if parts.hidden else []), *rest)


def _matrix_rule(groups: list[Group], recipe: OptimizerRecipe) -> Optimizer:
    b1, b2 = recipe.betas
    if recipe.kind == "muon":
        return Muon(groups, momentum=recipe.momentum, adjust_lr_fn="match_rms_adamw")
    rule = SOAP if recipe.kind == "soap" else Shampoo
    return rule(groups, betas=(b1, b2), eps=recipe.eps)


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
