"""Which text a matrix is fitted to, and which tells what that costs."""

import torch
from torch import nn

from eigenlm.compression import plan
from eigenlm.compression.actions import Found
from eigenlm.compression.fits import Fitting
from eigenlm.compression.offers import CompressionMethod, Fit
from eigenlm.observe import evaluating, linears
from eigenlm.observe.grams import measure
from tests.model.test_transformer import LLAMA, build, ids

WINDOWS = ids(8, 16, seed=1)


class Recorded(Fit):
    """Notes the metrics in which a change is fitted and priced; the change loses what the trace of a Gram says."""

    def __init__(self, name, found, metric, notes):
        self.name, self.found, self.notes = name, found, notes
        notes.append(("fitted", name, found.name, metric))

    def losses(self, prices):
        self.notes.append(("priced", self.name, self.found.name, prices))
        return [float(prices.output_gram.trace())]

    def offers(self, losses):
        return []


def noted(module, windows, *methods):
    """What methods of these names and ways were given for each layer, and the losses that count at the end."""
    notes = []
    made = [
        CompressionMethod(lambda layer, found, metric, name=name: Recorded(name, found, metric, notes), **ways)
        for name, ways in methods
    ]
    layers = linears(module)
    found = {name: Found.of(name, layer) for name, layer in layers.items()}
    losses = {
        name: [lost for _, (lost,) in each]
        for name, each in Fitting(module, layers, found, made, {}, 3).fits(windows).items()
    }
    by = {}
    for act, method, layer, metric in notes:
        by.setdefault((act, method), []).append((layer, metric))
    return by, losses


def measured(module, windows):
    with evaluating(module):
        return measure(module, windows, seed=3, kinds=("inputs", "weighted", "outputs"))


def assert_of(found, inputs, outputs, *, apart=0.0):
    """That these are the Grams of each layer; `apart` is how far an entry may be, of the lengths of its two columns."""
    found = dict(found)
    assert set(found) == set(outputs)
    for name, metric in found.items():
        for gram, want in ((metric.input_gram, inputs[name]), (metric.output_gram, outputs[name])):
            lengths = want.diagonal().sqrt()
            assert bool(((gram - want).abs() <= apart * lengths[:, None] * lengths).all())


FACTORS = ("factors", {"weighs": True, "rehearses": True})
ROUNDED = ("rounded", {"weighs": True})


def test_factors_are_rehearsed_priced_on_text_that_they_are_not_fitted_to_and_fitted_again_to_all():
    model = build(LLAMA)
    notes, losses = noted(model, WINDOWS, FACTORS)
    first, last = (measured(model, windows) for windows in (WINDOWS[:6], WINDOWS[6:]))
    fitted = {}
    for name, metric in notes["fitted", "factors"]:
        fitted.setdefault(name, []).append(metric)
    rehearsed, again = ({name: each[i] for name, each in fitted.items()} for i in (0, 1))
    assert_of(rehearsed, first.weighted_grams, first.output_grams, apart=2**-11)
    assert_of(notes["priced", "factors"], last.weighted_grams, last.output_grams)
    inputs, outputs = (
        {name: 0.75 * old[name] + 0.25 * new[name] for name in old}
        for old, new in ((first.weighted_grams, last.weighted_grams), (first.output_grams, last.output_grams))
    )
    assert_of(again, inputs, outputs, apart=2**-11)
    assert losses == {name: [float(gram.trace())] for name, gram in last.output_grams.items()}


def test_beside_factors_what_rounds_is_priced_on_the_same_text_and_fitted_once():
    model = build(LLAMA)
    notes, _ = noted(model, WINDOWS, FACTORS, ROUNDED)
    first, last = (measured(model, windows) for windows in (WINDOWS[:6], WINDOWS[6:]))
    assert len(notes["fitted", "rounded"]) == len(linears(model))
    assert_of(notes["fitted", "rounded"], first.weighted_grams, first.output_grams, apart=2**-11)
    assert_of(notes["priced", "rounded"], last.weighted_grams, last.output_grams)


def test_rounding_alone_is_priced_on_all_that_is_there():
    model = build(LLAMA)
    notes, _ = noted(model, WINDOWS, ROUNDED)
    want = measured(model, WINDOWS)
    assert_of(notes["fitted", "rounded"], want.weighted_grams, want.output_grams)
    assert_of(notes["priced", "rounded"], want.input_grams, want.output_grams)


def test_what_fits_nothing_is_priced_on_all_as_well():
    model = build(LLAMA)
    notes, _ = noted(model, WINDOWS, ("nearest", {}))
    for found in notes.values():
        assert_of(found, measured(model, WINDOWS).input_grams, measured(model, WINDOWS).output_grams)


def test_one_window_is_for_both():
    model = build(LLAMA)
    notes, _ = noted(model, WINDOWS[:1], FACTORS)
    want = measured(model, WINDOWS[:1])
    assert_of(notes["fitted", "factors"], want.weighted_grams, want.output_grams)
    assert_of(notes["priced", "factors"], want.input_grams, want.output_grams)


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
    notes, losses = noted(module, windows, FACTORS)
    assert set(losses) == {name for name, _ in notes["priced", "factors"]} == {"head"}
    made = plan(module, windows, keep=0.9)
    assert [each.action.kind for each in made.actions if each.name == "added"] == ["keep"]
