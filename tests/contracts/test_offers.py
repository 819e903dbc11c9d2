"""What every method of compression keeps to; one that is registered is tested."""

import dataclasses
import json

import pytest
import torch

from eigenlm.compression import METHODS, Action, Metric
from eigenlm.compression.actions import Found
from eigenlm.compression.offers import SHRINKAGE, keep_offer
from eigenlm.config import from_dict, to_dict
from eigenlm.linear import DenseLinear, LinearMap

CASES = pytest.mark.parametrize("name", METHODS)
SIZES = pytest.mark.parametrize(("rows", "columns"), [(12, 7), (7, 12), (9, 9)])


def measured(rows=12, columns=7):
    """A layer, and Grams of activations that have directions."""
    generator = torch.Generator().manual_seed(rows)
    W = torch.randn(rows, columns, generator=generator)
    x = torch.randn(40, columns, generator=generator) @ torch.randn(columns, columns, generator=generator)
    g = torch.randn(40, rows, generator=generator) @ torch.randn(rows, rows, generator=generator)
    layer = DenseLinear.from_dense(W, torch.arange(float(rows))).requires_grad_(False)
    return layer, Found.of("layer", layer), Metric(x.mT @ x / 40, g.mT @ g / 40)


def offers_of(name, rows=12, columns=7):
    layer, found, metric = measured(rows, columns)
    return METHODS[name].offers(layer, found, metric)


def shrunk(gram):
    gram = gram.double()
    return (1 - SHRINKAGE) * gram + SHRINKAGE * gram.trace() / len(gram) * torch.eye(len(gram), dtype=torch.float64)


@CASES
@SIZES
def test_the_loss_is_that_of_the_change_in_the_metric(name, rows, columns):
    layer, _, metric = measured(rows, columns)
    C, G = shrunk(metric.input_gram), shrunk(metric.output_gram)
    for offer in offers_of(name, rows, columns):
        D = offer.action.dense(layer, offer.parts()).double() - layer.dense().double()
        # factors in float32, and a loss of thousands at rank 0
        assert offer.loss == pytest.approx(float((G @ D @ C @ D.mT).trace()) / 2, rel=1e-4, abs=1e-4)


@CASES
@SIZES
def test_bytes_and_numbers_are_those_of_the_layer_it_builds(name, rows, columns):
    layer, found, _ = measured(rows, columns)
    every = offers_of(name, rows, columns)
    assert every
    for offer in every:
        built = offer.action.build(layer, offer.parts())
        assert isinstance(built, LinearMap)
        after = Found.of("layer", built)
        assert offer.bytes == offer.action.num_bytes(found) == after.num_bytes_before < found.num_bytes_before
        assert offer.action.num_params(found) == after.num_params_before
        assert offer.time == built.num_multiplications


@CASES
def test_the_layer_it_builds_applies_its_matrix_and_keeps_the_bias(name):
    layer, _, _ = measured()
    for offer in offers_of(name):
        built = offer.action.build(layer, offer.parts())
        # the same factors, re-coded in float32
        torch.testing.assert_close(built.dense(), offer.action.dense(layer, offer.parts()), rtol=1e-3, atol=1e-3)
        assert torch.equal(built.bias, layer.bias)


@CASES
def test_actions_are_tagged_values_that_survive_json(name):
    for offer in offers_of(name):
        told = json.loads(json.dumps(to_dict(offer.action)))
        assert told["kind"] in Action.kinds
        assert from_dict(Action, told, "here") == offer.action
        assert {*offer.parts()} == {*offer.action.parts}
        with pytest.raises(dataclasses.FrozenInstanceError):
            offer.action.kind = "other"


@CASES
def test_its_own_layer_gets_no_offer_that_is_not_smaller(name):
    layer, _, metric = measured()
    for offer in offers_of(name)[-1:]:
        built = offer.action.build(layer, offer.parts())
        found = Found.of("layer", built)
        assert all(again.bytes < found.num_bytes_before for again in METHODS[name].offers(built, found, metric))


@CASES
def test_what_it_offers_can_be_done(name):
    _, found, _ = measured()
    for offer in offers_of(name):
        assert offer.action.fault(found) == ""
        assert offer.action.fault_of_parts(found, offer.parts()) == ""


def test_to_keep_a_layer_costs_what_it_holds():
    layer, found, _ = measured()
    offer = keep_offer(layer, found)
    assert (offer.bytes, offer.loss, offer.time) == (4 * 12 * 7, 0.0, 12 * 7)
    assert offer.action.build(layer, {}) is layer
