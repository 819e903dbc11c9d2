"""What is counted on a few layers and multiplied, against a pass through all of them."""

from dataclasses import replace

import pytest
import torch

from eigenlm.attention import RelativeBiasConfig
from eigenlm.model import DenseFeedForward, SlidingWindowConfig, SoftmaxConfig, TransformerConfig
from eigenlm.model.block import Block
from eigenlm.planner import CLUSTERS, forecast
from eigenlm.training import tally
from eigenlm.training.batch_sizes import BatchSizes
from eigenlm.training.recipe import LayoutRecipe
from tests.planner.configs import FAMILIES, GROUPED, ROTARY, recipe, transformer


def deep(config: TransformerConfig) -> TransformerConfig:
    """The same with more layers than are run."""
    return replace(config, num_layers=7, num_encoder_layers=4 * (config.kind == "encoder_decoder"))


def mixed() -> TransformerConfig:
    """Two kinds of layers in a pattern that their number does not fill."""
    near = SlidingWindowConfig(num_heads=4, num_kv_heads=2, head_dim=16, window=32)
    local, everywhere = (transformer(attention=attention, rotary=ROTARY) for attention in (near, GROUPED))
    return replace(everywhere, pattern=local.pattern * 2 + everywhere.pattern)


SHARED_BIAS = transformer(attention=replace(GROUPED, relative_bias=RelativeBiasConfig()))
DEEP = {name: deep(config) for name, config in {**FAMILIES, "mixed": mixed(), "t5": SHARED_BIAS}.items()}


@pytest.mark.parametrize("config", DEEP.values(), ids=DEEP)
def test_a_few_layers_tell_of_all(config: TransformerConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = BatchSizes(texts=2, tokens=48, source_tokens=24 * (config.kind == "encoder_decoder"))
    told = tally.forward_pass.__wrapped__(config, batch, torch.float16)
    monkeypatch.setattr(tally, "Counter", Every)
    seen = tally.forward_pass.__wrapped__(config, batch, torch.float16)
    assert seen["blocks"] == 7 + config.num_encoder_layers
    # Kernels that begin in one layer and end in the next depend on which layer follows which.
    assert told.pop("fused") == pytest.approx(seen.pop("fused"), rel=0.02)
    assert told == pytest.approx(seen, rel=1e-12)
