"""What is counted on a few layers and multiplied, against a pass through all of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from eigenlm.attention import RelativeBiasConfig
from eigenlm.model import (
    DenseFeedForward,
    LayerConfig,
    MixtureConfig,
    SlidingWindowConfig,
    TransformerConfig,
)
from eigenlm.model.block import Block
from eigenlm.planner import CLUSTERS, forecast
from eigenlm.training.batch_sizes import BatchSizes
from eigenlm.training.recipe import LayoutRecipe
from eigenlm.training.tally import forward_pass
from tests.planner.configs import FAMILIES, GPT3, GROUPED, ROTARY, recipe, transformer


def mixed() -> TransformerConfig:
    """Two kinds of layers, in a pattern that their number does not fill."""
    near = SlidingWindowConfig(num_heads=4, num_kv_heads=2, head_dim=16, window=32)
    local, everywhere = (transformer(attention=attention, rotary=ROTARY) for attention in (near, GROUPED))
    return replace(everywhere, pattern=local.pattern * 2 + everywhere.pattern)


GATED = transformer(attention=GROUPED, rotary=ROTARY)
BIASED = transformer(attention=replace(GROUPED, relative_bias=RelativeBiasConfig()))
MIXTURE = GATED.with_layers(lambda layer: replace(layer, feed_forward=MixtureConfig(num_experts=4, top_k=2, d_ff=48)))
MODELS = {**FAMILIES, "mixed": mixed(), "t5": BIASED, "mixture": MIXTURE}


def told_apart(layers: Sequence[LayerConfig]) -> tuple[LayerConfig, ...]:
    """The same layers, no two of them equal, by a number that changes neither sizes nor operations."""
    return tuple(replace(layer, norm=replace(layer.norm, eps=1e-5 + i / 1e6)) for i, layer in enumerate(layers))


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
def test_a_few_layers_tell_of_all(config: TransformerConfig) -> None:
    two = config.kind == "encoder_decoder"
    few = replace(config, num_layers=4, num_encoder_layers=3 * two)
    every = replace(few, pattern=told_apart(few.layers), encoder_pattern=told_apart(few.encoder_layers))
    batch = BatchSizes(texts=2, tokens=48, source_tokens=24 * two)
    told, seen = (dict(forward_pass(model, batch, torch.float16)) for model in (few, every))
    assert seen["blocks"] == 4 + 3 * two
    # A kernel may begin in one layer and end in the next, and so depends on which layers are neighbours.
    assert told.pop("fused") == pytest.approx(seen.pop("fused"), rel=0.02)
    assert told == pytest.approx(seen, rel=1e-12)


def test_gpt3_is_planned_from_three_of_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Block] = []
    forward = Block.forward

    def counted(block: Block, *args: Any, **others: Any) -> Tensor:
        ran.append(block)
        return forward(block, *args, **others)

    monkeypatch.setattr(Block, "forward", counted)
    forward_pass.cache_clear()
    told = forecast(recipe(GPT3, batch_size=64, layout=LayoutRecipe(data="fsdp")), CLUSTERS["64x H100"])
    # Each kind of pass runs a model of one layer and a model of two.
    assert len(ran) == 3 * forward_pass.cache_info().misses > 0
    # arXiv:2005.14165, table D.1: 174,600 million, rounded there.
    assert told.parameters.total == pytest.approx(174.6e9, rel=1e-4)


def test_experts_are_counted_as_if_tokens_were_shared_equally() -> None:
    """Each of 4 experts gets half of 96 tokens: as much as two dense layers of their width, and the router."""
    batch = BatchSizes(texts=2, tokens=48)
    dense = MIXTURE.with_layers(lambda layer: replace(layer, feed_forward=DenseFeedForward(d_ff=96, gated=True)))
    of_experts, of_dense = (forward_pass(model, batch)["products"] for model in (MIXTURE, dense))
    router = 2 * 96 * MIXTURE.d_model * 4 * MIXTURE.num_layers
    assert of_experts == of_dense + router
