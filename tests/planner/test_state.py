"""What optimizers remember, against what they hold after two steps."""

import pytest
import torch

from eigenlm.model import DenseFeedForward, Transformer, TransformerConfig
from eigenlm.planner.state import matrix_shapes, optimizer_state
from eigenlm.training.optimizers.build import build_optimizer
from eigenlm.training.recipe import OptimizerRecipe
from tests.planner.configs import FAMILIES, LLAMA, transformer

KINDS = ("sgd", "adam", "adamw", "muon", "soap", "shampoo")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("config", [transformer(), LLAMA], ids=["gpt2", "llama"])
def test_bytes_are_those_that_the_optimizer_holds(config: TransformerConfig, kind: str) -> None:
    model = Transformer(config)
    optimizer = build_optimizer(model, OptimizerRecipe(kind=kind))
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    optimizer.step()
    told = optimizer_state(config, OptimizerRecipe(kind=kind))
    states = [state for rule in getattr(optimizer, "optimizers", [optimizer]) for state in rule.state.values()]
    held = sum(x.nbytes for state in states for x in state.values() if isinstance(x, torch.Tensor) and x.ndim)
    assert told.moments + told.preconditioners == held


@pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
def test_shapes_are_those_of_the_hidden_matrices(config: TransformerConfig) -> None:
    with torch.device("meta"):
        stacks = [module for name, module in Transformer(config).named_children() if name in ("blocks", "encoder")]
    found = [tuple(sorted(p.shape)) for stack in stacks for p in stack.parameters() if p.ndim == 2]
    assert sorted(matrix_shapes(config)) == sorted(found)


def test_a_long_side_has_no_preconditioner() -> None:
    wide = transformer(feed_forward=DenseFeedForward(d_ff=2049))
    sides = [side for shape in matrix_shapes(wide) for side in shape if side <= 2048]
    told = optimizer_state(wide, OptimizerRecipe(kind="soap"))
    assert told.preconditioners == 4 * 2 * sum(side**2 for side in sides)
