"""What autograd keeps, against the storages that it is seen to keep."""

import pytest
import torch

from eigenlm.model import Transformer, TransformerConfig
from eigenlm.training.batch_sizes import BatchSizes
from eigenlm.training.tally import forward_pass
from tests.planner.configs import FAMILIES, transformer

# Longer than one block of queries of attention by products, and not a multiple of it.
B, T, S = 2, 160, 48
DTYPES = {"float32": None, "bfloat16": torch.bfloat16}


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
def test_bytes_are_those_that_autograd_keeps(config: TransformerConfig, precision: str) -> None:
    batch = BatchSizes(texts=B, tokens=T, source_tokens=S if config.kind == "encoder_decoder" else 0)
    told = bytes_told(config, batch, DTYPES[precision])
    # The same operations run, on tensors without numbers.
    assert told == pytest.approx(bytes_kept(config, precision, batch), rel=1e-4)


def test_large_attention_weights_are_not_kept() -> None:
    config = transformer(context_length=1100)
    batch = BatchSizes(texts=4, tokens=1100)
    told = bytes_told(config, batch, torch.bfloat16)
    assert told == pytest.approx(bytes_kept(config, "bfloat16", batch), rel=2e-3)


def bytes_told(config: TransformerConfig, batch: BatchSizes, dtype: torch.dtype | None) -> float:
    """What a pass without memory is seen to save, copies of weights included."""
    told = forward_pass(config, batch, dtype)
    return told["kept"] + told["kept_by_norms"] + told["casts"]


def bytes_kept(config: TransformerConfig, precision: str, batch: BatchSizes) -> int:
    """Bytes of all storages that a forward pass saves, parameters apart."""
    torch.manual_seed(0)
    model = Transformer(config).train()
    model.activation_dtype = torch.bfloat16 if precision == "bfloat16" else None
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        if x.untyped_storage().data_ptr() not in parameters:
            kept.setdefault(x.untyped_storage().data_ptr(), x)
        return x

    source = torch.randint(0, 300, (batch.texts, batch.source_tokens)) if batch.source_tokens else None
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        model.hidden(torch.randint(0, 300, (batch.texts, batch.tokens)), source=source)
    return sum(x.untyped_storage().nbytes() for x in kept.values())
