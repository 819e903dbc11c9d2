"""Gradients that are passed back block by block, against one pass back through all of the model."""

import contextlib
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eigenlm.engine.room import LOGIT_ROWS
from eigenlm.errors import ShapeError
from eigenlm.model import Transformer
from eigenlm.model.head_config import VocabularyHead
from eigenlm.observe import grams, linears, measure
from eigenlm.observe.drawn_gradients import at_vectors, backward_of_draws
from eigenlm.observe.watch import frozen, watch
from tests.model.test_transformer import ALL, BERT, GPT2, LLAMA, build, ids

LONG = LOGIT_ROWS + 9
HEADS = {
    "tied": dataclasses.replace(LLAMA, head=VocabularyHead(tied=True)),
    "capped": dataclasses.replace(GPT2, head=VocabularyHead(tied=False, scale=0.5, softcap=2.0)),
    "transformed": dataclasses.replace(BERT, head=VocabularyHead(tied=True, transform="gelu", bias=True)),
}
CASES = {name: config for name, config in (ALL | HEADS).items() if config.kind != "encoder_decoder"}


class Whole(nn.Module):
    """A model whose blocks nobody knows: logits come from one call."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model(tokens)


@pytest.fixture(autouse=True)
def exact_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grams, "quick_products", lambda _: contextlib.nullcontext())


def longer(config: Any) -> Transformer:
    """With room for more tokens than logits are made of at once."""
    return build(dataclasses.replace(config, context_length=2 * LONG)).eval()


@pytest.mark.parametrize("config", [c for c in CASES.values() if c.head is not None], ids=lambda c: c.kind)
def test_block_by_block_layers_feel_what_they_feel_in_one_pass(config: Any) -> None:
    model, windows = longer(config), ids(2, LONG)
    kinds = ("inputs", "outputs", "weighted")
    found, want = (measure(module, windows, seed=1, kinds=kinds) for module in (model, Whole(model)))
    for each, whole in (
        (found.input_grams, want.input_grams),
        (found.output_grams, want.output_grams),
        (found.weighted_grams, want.weighted_grams),
    ):
        assert {f"model.{name}" for name in each} == set(whole)
        for name, gram in each.items():
            scale = float(whole[f"model.{name}"].diagonal().max())
            torch.testing.assert_close(gram, whole[f"model.{name}"], rtol=1e-4, atol=1e-5 * scale)


def test_vectors_of_an_encoder_without_a_head_are_felt_likewise() -> None:
    model, tokens, felt = longer(dataclasses.replace(BERT, head=None)), ids(1, LONG), {}

    def passed(act: Any) -> dict[str, Tensor]:
        felt.clear()
        with frozen(model), watch(linears(model), gradients=lambda name, gradient: felt.update({name: gradient})):
            act(torch.Generator().manual_seed(2))
        return dict(felt)

    def in_one_pass(generator: torch.Generator) -> None:
        hidden = model.hidden(tokens)
        hidden.backward(at_vectors(hidden.detach(), generator))

    found, want = passed(lambda generator: backward_of_draws(model, tokens, generator)), passed(in_one_pass)
    assert set(found) == set(want) == {name for name in linears(model) if name.startswith("blocks")}
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, want[name], rtol=1e-4, atol=1e-6)


def test_one_block_at_a_time_holds_what_gradients_need() -> None:
    """Bytes that autograd keeps do not grow with the number of blocks."""

    def kept(blocks: int) -> int:
        model, most = longer(dataclasses.replace(LLAMA, num_layers=blocks)), 0

        def packed(tensor: Tensor) -> "Kept":
            nonlocal most
            Kept.total += tensor.nbytes
            most = max(most, Kept.total)
            return Kept(tensor)

        felt = watch(linears(model), gradients=lambda *_: None)
        held = torch.autograd.graph.saved_tensors_hooks(packed, lambda kept: kept.tensor)
        with frozen(model), felt, held:
            backward_of_draws(model, ids(1, LONG), torch.Generator().manual_seed(0))
        return most

    assert kept(8) == kept(2) > 0


def test_a_model_of_two_stacks_asks_for_its_source() -> None:
    with pytest.raises(ShapeError, match="a source for the encoder"):
        measure(build(ALL["original"]), ids(1, 6))


class Kept:
    """A tensor that a graph keeps, and how many bytes all of them have."""

    total = 0

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __del__(self) -> None:
        Kept.total -= self.tensor.nbytes
