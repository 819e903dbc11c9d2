"""Which text a matrix is fitted to, and which tells what that costs."""

import pytest
import torch
from torch import nn

from eigenlm.compression import plan
from eigenlm.compression.methods import methods_named
from eigenlm.compression.metrics import measured_metrics
from eigenlm.observe import evaluating
from eigenlm.observe.grams import measure
from tests.model.test_transformer import LLAMA, build, ids

WINDOWS = ids(8, 16, seed=1)


def metrics(module, methods, windows=WINDOWS):
    with evaluating(module):
        return {
            name: metric() for name, metric in measured_metrics(module, windows, methods_named(methods), seed=3).items()
        }


@pytest.mark.parametrize("methods", [["low_rank"], ["bits", "low_rank"]])
def test_factors_are_priced_on_text_that_they_are_not_fitted_to(methods):
    model = build(LLAMA)
    found = metrics(model, methods)
    with evaluating(model):
        fitted, priced = (measure(model, part, seed=3, kinds=("weighted", "outputs")) for part in WINDOWS.split([6, 2]))
    assert set(found) == set(fitted.output_grams)
    for name, metric in found.items():
        for of, want in ((metric, priced), (metric.to_fit, fitted)):
            assert torch.equal(of.input_gram, want.weighted_grams[name])
            assert torch.equal(of.output_gram, want.output_grams[name])


def test_rounding_is_priced_on_all_that_is_there():
    model = build(LLAMA)
    found = metrics(model, ["bits"])
    with evaluating(model):
        all_of_it = measure(model, WINDOWS, seed=3, kinds=("inputs", "weighted", "outputs"))
    for name, metric in found.items():
        assert torch.equal(metric.input_gram, all_of_it.input_grams[name])
        assert torch.equal(metric.to_fit.input_gram, all_of_it.weighted_grams[name])
        assert metric.output_gram is metric.to_fit.output_gram


class Sometimes(nn.Module):
    """Logits, to which a layer adds where a window has the token 7."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.added, self.head = nn.Embedding(8, 6), nn.Linear(6, 6), nn.Linear(6, 8)

    def forward(self, tokens):
        hidden = self.token(tokens)
        return self.head(hidden + self.added(hidden) if bool((tokens == 7).any()) else hidden)


def test_what_no_token_of_the_prices_reached_keeps_the_prices_of_its_own():
    module, windows = Sometimes(), torch.randint(7, (8, 12), generator=torch.Generator().manual_seed(0))
    windows[0, 3] = 7
    found = metrics(module, ["low_rank"], windows)
    assert found["added"].to_fit is found["added"]
    assert found["head"].to_fit is not found["head"]
    made = plan(module, windows, keep=0.9)
    assert next(each for each in made.actions if each.name == "added").loss >= 0


def test_one_window_is_for_both():
    found = metrics(build(LLAMA), ["low_rank"], WINDOWS[:1])
    assert set(found) == set(metrics(build(LLAMA), ["low_rank"]))
