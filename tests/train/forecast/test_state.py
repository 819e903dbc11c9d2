"""What optimizers remember, against those of torch."""

import pytest
import torch

from eigenlm.model import Transformer, TransformerConfig
from eigenlm.train.forecast.parameters import count_parameters
from eigenlm.train.forecast.state import matrix_shapes, optimizer_state
from eigenlm.train.recipe import OptimizerRecipe
from tests.train.forecast.configs import FAMILIES, LLAMA, transformer

MAKERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p),
    "adamw": lambda p: torch.optim.AdamW(p),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_bytes_are_those_of_torch(kind: str) -> None:
    model = Transformer(transformer())
    optimizer = MAKERS[kind](model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    held = sum(x.nbytes for state in optimizer.state.values() for x in state.values() if isinstance(x, torch.Tensor))
    counters = 4 * len(optimizer.state) * (kind != "sgd")
    assert optimizer_state(model.config, OptimizerRecipe(kind=kind)).moments == held - counters


@pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
def test_shapes_are_those_of_the_hidden_matrices(config: TransformerConfig) -> None:
    with torch.device("meta"):
        stacks = [module for name, module in Transformer(config).named_children() if name in ("blocks", "encoder")]
    found = [tuple(sorted(p.shape)) for stack in stacks for p in stack.parameters() if p.ndim == 2]
    assert sorted(matrix_shapes(config)) == sorted(found)


def test_matrix_rules_have_one_moment_less_and_preconditioners_more() -> None:
    counts = count_parameters(LLAMA)
    muon, adamw, soap = (optimizer_state(LLAMA, OptimizerRecipe(kind=kind)) for kind in ("muon", "adamw", "soap"))
    assert adamw.moments - muon.moments == 4 * counts.hidden_matrices
    assert soap.moments == adamw.moments
    # Two square matrices and two bases of each matrix's sides.
    assert soap.preconditioners == 8 * sum(m * m + n * n for m, n in matrix_shapes(LLAMA))
    # Five steps of a Gram matrix, its square and a product: 4 m^2 n + 2 m^3.
    assert muon.flops == sum(5 * (4 * m * m * n + 2 * m**3) for m, n in matrix_shapes(LLAMA))
