"""What optimizers remember, against what they hold after two steps."""

import pytest
import torch

from eigenlm.model import DenseFeedForward, Transformer, TransformerConfig
from eigenlm.training.optimizers import OPTIMIZERS, roles
from eigenlm.training.optimizers.build import build_optimizer, update_costs
from eigenlm.training.parameters import count_parameters
from eigenlm.training.recipe import OptimizerRecipe
from tests.planner.configs import FAMILIES, LLAMA, transformer


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("config", [transformer(), LLAMA], ids=["gpt2", "llama"])
def test_bytes_are_those_that_the_optimizer_holds(config: TransformerConfig, kind: str) -> None:
    model = Transformer(config)
    optimizer = build_optimizer(model, OptimizerRecipe(kind=kind))
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    optimizer.step()
    told = update_costs(model, kind)
    states = [state for rule in getattr(optimizer, "optimizers", [optimizer]) for state in rule.state.values()]
    held = sum(x.nbytes for state in states for x in state.values() if isinstance(x, torch.Tensor) and x.ndim)
    assert 4 * told.kept == held


@pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
def test_matrix_rules_take_the_matrices_of_the_blocks(config: TransformerConfig) -> None:
    with torch.device("meta"):
        model = Transformer(config)
    stacks = [module for name, module in model.named_children() if name in ("blocks", "encoder")]
    found = sum(p.numel() for stack in stacks for p in stack.parameters() if p.ndim == 2)
    assert count_parameters(config).hidden_matrices == found
    adam, muon = update_costs(model, "adamw"), update_costs(model, "muon")
    # One average instead of two, of a head's square transform as well.
    assert adam.kept - muon.kept == sum(p.numel() for p in roles(model).hidden) >= found


def test_a_long_side_has_no_preconditioner() -> None:
    with torch.device("meta"):
        wide = Transformer(transformer(feed_forward=DenseFeedForward(d_ff=2049)))
    sides = [side for p in roles(wide).hidden for side in p.shape if side <= 2048]
    told, adam = update_costs(wide, "soap"), update_costs(wide, "adamw")
    assert told.kept - adam.kept == 2 * sum(side**2 for side in sides)
