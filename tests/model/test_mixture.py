"""Experts."""

import torch

from eigenlm.model import MixtureConfig


def test_every_expert_has_a_gradient_whatever_the_tokens_choose() -> None:
    # Ranks whose tokens choose otherwise would exchange gradients of other matrices, and wait for each other for ever.
    torch.manual_seed(0)
    mixture = MixtureConfig(num_experts=5, top_k=1, d_ff=6).build(4)
    mixture(torch.randn(1, 4)).sum().backward()
    weights = [expert.up.weight for expert in mixture.experts]
    assert all(weight.grad is not None for weight in weights)
    assert sum(bool(weight.grad.any()) for weight in weights) == 1
