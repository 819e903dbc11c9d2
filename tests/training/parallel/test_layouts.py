"""Two ranks in every layout against one process."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from eigenlm.errors import ConfigError
from eigenlm.machine.processes import Ranks
from eigenlm.model import Transformer
from eigenlm.training.parallel import clip_gradients_, gradient_norm, one_mesh_a_group, parallelize_
from eigenlm.training.recipe import LayoutRecipe
from tests.training.parallel.tiny_training import GPT, MODELS, Run, batch, train
from tests.training.parallel.two_ranks import STEPS

Seen = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def alone() -> dict[str, Run]:
    """The same trainings in this process."""
    return {name: train(config, LayoutRecipe(), Ranks(), STEPS[name]) for name, config in MODELS.items()}


@pytest.mark.parametrize("model", ["gpt", "qwen"])
@pytest.mark.parametrize("layout", ["copies", "shards", "matrices"])
def test_a_layout_follows_one_process(two_ranks: Seen, alone: dict[str, Run], model: str, layout: str) -> None:
    run = two_ranks[1]["runs"][f"{model} {layout}"]
    # A loss near 4 has a float32 spacing of 4.8e-7; sums in another order may move it by two of those.
    assert max(abs(a - b) for a, b in zip(run["losses"], alone[model].losses, strict=True)) <= 1e-6
    assert run["norms"] == pytest.approx(alone[model].norms, rel=1e-5)  # float32 sums of 10^4 squares
    assert abs(run["losses"][0] - run["losses"][-1]) > 1e-4  # it moved


@pytest.mark.parametrize("layout", ["copies", "shards", "matrices"])
def test_micro_batches_add_up_to_the_same_step(two_ranks: Seen, alone: dict[str, Run], layout: str) -> None:
    run = two_ranks[1]["runs"][f"qwen {layout} accumulated"]
    assert len(run["losses"]) == 5
    assert max(abs(a - b) for a, b in zip(run["losses"], alone["qwen"].losses, strict=False)) <= 1e-6  # as above


def test_a_mean_that_is_scattered_is_a_mean(two_ranks: Seen) -> None:
    # pytorch issue 162338: on some builds it is silently a sum. (1 + 2) / 2 times 0, 1, 2, 3.
    assert two_ranks[1]["scattered_mean"] == [0.0, 1.5, 3.0, 4.5]


def test_ranks_hear_each_other(two_ranks: Seen) -> None:
    words = [{"rank": 0, "words": ["é"]}, {"rank": 1, "words": ["é"] * 41}]
    for rank, heard in enumerate(two_ranks[1]["talk"]):
        assert heard == {
            "gathered": words,
            "broadcast": ["from", 0],
            "sum": [12.0, 14.0],
            "mean": [6.0, 7.0],
            "unchanged": [1.0 + 10 * rank, 2.0 + 10 * rank],
            "data": [rank, 2],
        }


def test_ranks_that_share_matrices_share_a_batch(two_ranks: Seen) -> None:
    for rank, heard in enumerate(two_ranks[1]["talk in a row"]):
        assert heard["data"] == [0, 1]
        assert heard["sum"] == [1.0 + 10 * rank, 2.0 + 10 * rank]


def test_a_layout_that_is_not_as_the_ranks_were_joined_is_refused(two_ranks: Seen) -> None:
    assert two_ranks[1]["refusal"] == "layout.tensor: expected 1, as the ranks were joined, got 2"


def test_one_process_keeps_its_module() -> None:
    module = nn.Linear(3, 2)
    assert parallelize_(module, LayoutRecipe(data="fsdp"), Ranks()) is module
    with pytest.raises(ConfigError, match="expected 1, as the ranks were joined, got 2"):
        parallelize_(module, LayoutRecipe(tensor=2), Ranks())


def test_clipping_is_that_of_torch() -> None:
    torch.manual_seed(0)
    model = Transformer(GPT)
    model(batch(0)[0]).square().sum().backward()
    idle = nn.Parameter(torch.ones(3))
    mine = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    truth = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    expected = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    copies = [nn.Parameter(torch.zeros_like(gradient)) for gradient in mine]
    for copy, gradient in zip(copies, mine, strict=True):
        copy.grad = gradient
    # float32 sums of 10^4 squares in another order
    torch.testing.assert_close(clip_gradients_([*copies, idle], 0.5), truth, rtol=1e-5, atol=0)
    for copy, gradient in zip(copies, expected, strict=True):
        torch.testing.assert_close(copy.grad, gradient, rtol=1e-5, atol=1e-9)
    assert gradient_norm([idle]) == 0


def test_groups_of_plain_tensors_stay_whole() -> None:
    first, second, third = (nn.Parameter(torch.zeros(size)) for size in (1, 2, 3))
    groups = one_mesh_a_group([{"params": [first, second], "lr": 0.1}, {"params": [third], "weight_decay": 0.2}])
    assert groups == [{"params": [first, second], "lr": 0.1}, {"params": [third], "weight_decay": 0.2}]
