"""What every optimizer of the catalog must do, on the model that it is built for."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from eigenlm.errors import ConfigError
from eigenlm.training.optimizers import OPTIMIZERS, CombinedOptimizer, find_optimizer
from eigenlm.training.optimizers.build import build_optimizer, update_costs
from eigenlm.training.recipe import OptimizerRecipe

EVERY = pytest.mark.parametrize("kind", OPTIMIZERS)


class Bowl(nn.Module):
    """sum of c (W - M)^2 over a matrix, a long one and a vector: convex, its lowest value 0."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.wide, self.long = nn.Linear(6, 4, bias=False), nn.Linear(2049, 2, bias=False)
        self.vector = nn.Parameter(torch.randn(5))
        self.targets = [torch.randn_like(p) for p in self.parameters()]
        self.scales = [torch.rand_like(p) + 0.5 for p in self.parameters()]

    def forward(self) -> Tensor:
        parts = zip(self.parameters(), self.targets, self.scales)
        return torch.stack([(scale * (p - target).square()).mean() for p, target, scale in parts]).sum()


def build(model: nn.Module, kind: str, rate: float = 0.01) -> Optimizer | CombinedOptimizer:
    recipe = OptimizerRecipe(kind=kind, learning_rate=rate, other_learning_rate=rate, weight_decay=0.0)
    return build_optimizer(model, recipe)


def steps(model: nn.Module, optimizer: Optimizer | CombinedOptimizer, count: int) -> None:
    for _ in range(count):
        optimizer.zero_grad(set_to_none=True)
        model().backward()
        optimizer.step()


@EVERY
def test_a_convex_quadratic_falls(kind: str) -> None:
    model = Bowl()
    before = model().item()
    steps(model, build(model, kind), 100)
    # A hundred steps of 0.01, each about as long as Adam's, cover the unit distance to the lowest point.
    assert model().item() < 0.5 * before


@EVERY
def test_restored_state_steps_on_to_the_bit(kind: str) -> None:
    first = Bowl()
    optimizer = build(first, kind)
    steps(first, optimizer, 11)  # past the tenth step, where factors are renewed
    second = copy.deepcopy(first)
    resumed = build(second, kind)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    steps(first, optimizer, 1)
    steps(second, resumed, 1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@EVERY
def test_state_is_as_large_as_the_catalog_says(kind: str) -> None:
    model = Bowl()
    optimizer = build(model, kind)
    steps(model, optimizer, 2)
    rules = optimizer.optimizers if isinstance(optimizer, CombinedOptimizer) else (optimizer,)
    states = [state for rule in rules for state in rule.state.values()]
    held = sum(x.numel() for state in states for x in state.values() if isinstance(x, Tensor) and x.ndim)
    assert update_costs(model, kind).kept == held


@EVERY
def test_a_rate_of_zero_changes_nothing(kind: str) -> None:
    model = Bowl()
    before = copy.deepcopy(model)
    optimizer = build(model, kind)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    steps(model, optimizer, 3)
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), model.parameters(), strict=True))


@EVERY
def test_a_parameter_without_gradient_is_untouched(kind: str) -> None:
    model = Bowl()
    before = copy.deepcopy(model)
    recipe = OptimizerRecipe(kind=kind, learning_rate=0.1, other_learning_rate=0.1, weight_decay=0.5)
    optimizer = build_optimizer(model, recipe)
    (model.long.weight.square().sum()).backward()
    optimizer.step()
    assert torch.equal(before.wide.weight, model.wide.weight)
    assert torch.equal(before.vector, model.vector)
    assert not torch.equal(before.long.weight, model.long.weight) or kind == "soap"  # whose first step founds its bases


@EVERY
def test_an_entry_says_where_it_comes_from(kind: str) -> None:
    entry = OPTIMIZERS[kind]
    assert entry.name == kind
    assert entry.learning_rate > 0
    assert entry.source


def test_an_unknown_one_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'adamw'"):
        OptimizerRecipe(kind="adamww")
    with pytest.raises(ConfigError, match="muon, soap, shampoo"):
        find_optimizer("zzzzz")


def test_what_a_recipe_leaves_open_is_the_optimizers_own() -> None:
    assert OptimizerRecipe(kind="muon").settled().momentum == 0.95
    assert OptimizerRecipe(kind="soap", betas=(0.5, 0.6)).settled().betas == (0.5, 0.6)
