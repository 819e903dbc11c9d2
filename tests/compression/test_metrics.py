"""Which text a matrix is fitted to, and which tells what that costs."""

import pytest
import torch
from torch import nn

from eigenlm.compression import plan
from eigenlm.compression.methods import methods_named
from eigenlm.compression.metrics import fitting_and_pricing
from eigenlm.observe import evaluating
from eigenlm.observe.grams import measure
from tests.model.test_transformer import LLAMA, build, ids

WINDOWS = ids(8, 16, seed=1)


def metrics(module, methods, windows=WINDOWS):
    """Those that changes are fitted by, and those of their prices."""
    to_fit, to_price = fitting_and_pricing(module, windows, methods_named(methods), seed=3)
    fitted = {name: metric() for name, metric in to_fit.items()}
    priced = to_price() if callable(to_price) else to_price
    return fitted, {name: metric() for name, metric in priced.items()}


def measured(module, windows):
    with evaluating(module):
        return measure(module, windows, seed=3, kinds=("inputs", "weighted", "outputs"))


def assert_of(found, inputs, outputs):
    assert set(found) == set(outputs)
    for name, metric in found.items():
        assert torch.equal(metric.input_gram, inputs[name])
        assert torch.equal(metric.output_gram, outputs[name])


@pytest.mark.parametrize("methods", [["low_rank"], ["bits", "low_rank"]])
def test_factors_are_priced_on_text_that_they_are_not_fitted_to(methods):
    model = build(LLAMA)
    for found, windows in zip(metrics(model, methods), WINDOWS.split([6, 2])):
        want = measured(model, windows)
        assert_of(found, want.weighted_grams, want.output_grams)


def test_rounding_is_priced_on_all_that_is_there():
    model = build(LLAMA)
    fitted, priced = metrics(model, ["bits"])
    want = measured(model, WINDOWS)
    assert_of(fitted, want.weighted_grams, want.output_grams)
    assert_of(priced, want.input_grams, want.output_grams)


def test_what_fits_nothing_is_priced_on_all_as_well():
    model = build(LLAMA)
    for found in metrics(model, ["int8"]):
        assert_of(found, measured(model, WINDOWS).input_grams, measured(model, WINDOWS).output_grams)


class Sometimes(nn.Module):
    """Logits, to which a layer adds where a window has the token 7."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.added, self.head = nn.Embedding(8, 6), nn.Linear(6, 6), nn.Linear(6, 8)

    def forward(self, tokens):
        hidden = self.token(tokens)
        return self.head(hidden + self.added(hidden) if bool((tokens == 7).any()) else hidden)


def test_what_no_token_of_the_prices_reached_stays_as_it_is():
    module, windows = Sometimes(), torch.randint(7, (8, 12), generator=torch.Generator().manual_seed(0))
    windows[0, 3] = 7
    fitted, priced = metrics(module, ["low_rank"], windows)
    assert set(fitted) == {"added", "head"}
    assert set(priced) == {"head"}
    made = plan(module, windows, keep=0.9)
    assert [each.action.kind for each in made.actions if each.name == "added"] == ["keep"]


def test_one_window_is_for_both():
    model = build(LLAMA)
    fitted, priced = metrics(model, ["low_rank"], WINDOWS[:1])
    want = measured(model, WINDOWS[:1])
    assert_of(fitted, want.weighted_grams, want.output_grams)
    assert_of(priced, want.input_grams, want.output_grams)
