"""Parameter counts, against models that are built where nothing is allocated."""

import pytest
import torch

from eigenlm.model import Transformer, TransformerConfig
from eigenlm.training.parameters import count_parameters
from tests.planner.configs import FAMILIES


@pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
def test_counts_are_those_of_the_model(config: TransformerConfig) -> None:
    with torch.device("meta"):
        model = Transformer(config)
    counted = count_parameters(config)
    by_part = dict.fromkeys(("embedding", "attention", "feed_forward", "norms", "head"), 0)
    hidden_matrices = 0
    for name, parameter in model.named_parameters():
        by_part[part_of(name)] += parameter.numel()
        hidden_matrices += parameter.numel() * (part_of(name) in ("attention", "feed_forward") and parameter.ndim == 2)
    assert {part: getattr(counted, part) for part in by_part} == by_part
    assert counted.total == sum(by_part.values())
    assert counted.hidden_matrices == hidden_matrices


def part_of(name: str) -> str:
    if "norm" in name:
        return "norms"
    if name.startswith("embedding"):
        return "embedding"
    if name.startswith(("head", "pooler")):
        return "head"
    return "attention" if "attention" in name else "feed_forward"
