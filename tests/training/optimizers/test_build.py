"""Every parameter in one group, by its role; exact resume; schedules through `initial_lr`."""

import pytest
import torch
from torch import Tensor, nn

from eigenlm.linear import LowRankLinear
from eigenlm.model import DenseFeedForward, SoftmaxConfig, Transformer, TransformerConfig
from eigenlm.model.config import VocabularyHead
from eigenlm.training.optimizers import OPTIMIZERS, CombinedOptimizer, roles
from eigenlm.training.optimizers.build import build_optimizer
from eigenlm.training.recipe import OptimizerRecipe

KINDS = list(OPTIMIZERS)


def model(tied: bool = True) -> Transformer:
    torch.manual_seed(0)
    config = TransformerConfig.uniform(
        vocab_size=11,
        context_length=8,
        d_model=8,
        num_layers=1,
        attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=4, bias=True),
        feed_forward=DenseFeedForward(d_ff=12, activation="silu", gated=True),
        head=VocabularyHead(tied=tied, bias=True),
    )
    return Transformer(config)


def names(module: nn.Module, parameters: list[nn.Parameter]) -> set[str]:
    by_id = {id(parameter): name for name, parameter in module.named_parameters()}
    return {by_id[id(parameter)] for parameter in parameters}


def train(module: nn.Module, optimizer: CombinedOptimizer | torch.optim.Optimizer, ids: list[Tensor]) -> None:
    for batch in ids:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(module(batch).flatten(0, 1), batch.flatten()).backward()
        optimizer.step()


def batches(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(0, 11, (2, 6), generator=generator) for _ in range(count)]


@pytest.mark.parametrize("tied", [True, False])
def test_roles_come_from_modules(tied: bool) -> None:
    gpt = model(tied)
    gpt.blocks[0].attention.output = LowRankLinear(8, 8, 3)
    parts = roles(gpt)
    assert names(gpt, parts.embedding) == {"embedding.token.weight"} | (
        {"embedding.position.weight"} if gpt.embedding.position is not None else set()
    )
    assert names(gpt, parts.head) == (set() if tied else {"head.weight"})
    assert {"blocks.0.attention.output.A", "blocks.0.attention.output.B", "blocks.0.attention.query.weight"} <= names(
        gpt, parts.hidden
    )
    assert all(p.ndim == 1 for p in parts.vectors)
    assert "head.bias" in names(gpt, parts.vectors)
    every = [*parts.hidden, *parts.embedding, *parts.head, *parts.vectors]
    assert sorted(map(id, every)) == sorted(id(p) for p in gpt.parameters())


def test_frozen_parameters_have_no_role() -> None:
    gpt = model()
    gpt.embedding.requires_grad_(False)
    assert roles(gpt).embedding == []


@pytest.mark.parametrize("kind", KINDS)
def test_groups_have_peaks_decay_and_each_parameter_once(kind: str) -> None:
    gpt = model(tied=False)
    optimizer = build_optimizer(gpt, OptimizerRecipe(kind=kind, learning_rate=0.02, other_learning_rate=0.003))
    groups = {group["role"]: group for group in optimizer.param_groups}
    assert list(groups) == ["hidden", "embedding", "head", "vector"]
    assert sorted(id(p) for g in groups.values() for p in g["params"]) == sorted(id(p) for p in gpt.parameters())
    rest = 0.003 if OPTIMIZERS[kind].matrices_only else 0.02
    assert [group["initial_lr"] for group in groups.values()] == [0.02, rest, rest, rest]
    decay = 0.0 if kind == "adam" else 0.1
    assert [group["weight_decay"] for group in groups.values()] == [decay, decay, decay, 0.0]


@pytest.mark.parametrize("kind", KINDS)
def test_learns_and_resumes_to_the_bit(kind: str) -> None:
    recipe = OptimizerRecipe(kind=kind, learning_rate=0.01, other_learning_rate=0.01)
    data = (batches(2) * 7)[:13]
    whole, first, second = model(), model(), model()
    optimizer = build_optimizer(whole, recipe)
    train(whole, optimizer, data)

    half = build_optimizer(first, recipe)
    train(first, half, data[:6])
    second.load_state_dict(first.state_dict())
    resumed = build_optimizer(second, recipe)
    resumed.load_state_dict(half.state_dict())
    train(second, resumed, data[6:])
    for a, b in zip(whole.parameters(), second.parameters()):
        assert torch.equal(a, b)

    start, loss = model(), nn.functional.cross_entropy
    before, after = (loss(m(data[0]).flatten(0, 1), data[0].flatten()).item() for m in (start, whole))
    assert after < before


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_tensors_and_plain_numbers(kind: str) -> None:
    gpt = model()
    optimizer = build_optimizer(gpt, OptimizerRecipe(kind=kind))
    train(gpt, optimizer, batches(2))
    saved = optimizer.state_dict()
    numbers = [n for group in saved["param_groups"] for n in group["params"]]
    assert numbers == list(range(len(list(gpt.parameters()))))
    assert set(saved["state"]) == set(numbers)
    assert all(isinstance(value, Tensor) for state in saved["state"].values() for value in state.values())


def test_a_rate_set_in_a_group_takes_effect() -> None:
    gpt = model()
    optimizer = build_optimizer(gpt, OptimizerRecipe(kind="muon"))
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = [p.detach().clone() for p in gpt.parameters()]
    train(gpt, optimizer, batches(2))
    for a, b in zip(before, gpt.parameters()):
        assert torch.equal(a, b)
