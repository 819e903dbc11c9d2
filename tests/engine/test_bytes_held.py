import torch
from torch import nn

from eigenlm.engine import Runner
from eigenlm.engine.bytes_held import bytes_held
from eigenlm.language_model import load
from eigenlm.linear import Int8Linear
from eigenlm.observe import linears, replace_


def test_what_is_shared_is_counted_once():
    first, second = nn.Linear(3, 5), nn.Linear(3, 5, bias=False)
    second.weight = first.weight
    assert bytes_held(first, second) == 4 * (15 + 5)
    second.weight = nn.Parameter(first.weight.detach().clone())
    assert bytes_held(first, second) == 4 * (15 + 5 + 15)


def test_views_of_one_tensor_are_counted_once():
    whole, part = nn.Module(), nn.Module()
    whole.W = torch.zeros(6, 4)
    part.W = whole.W[:]
    assert bytes_held(whole, part) == 4 * 24


def test_a_model_that_runs_holds_its_matrices_twice(tiny_model):
    lm = load(tiny_model)
    twin = lm.runner.current()
    assert twin is not lm.model
    matrices = sum(layer.weight.nbytes for layer in linears(lm.model).values())
    head = lm.model.embedding.token.weight.nbytes  # tied: the head has a packed copy of the table
    norms = lm.num_bytes - matrices - head
    held = lm.runner.num_bytes - lm.num_bytes - matrices - head
    assert 0 <= held <= 2 * norms  # norms are mirrored


def test_few_bits_take_fewer_bytes_while_they_run(tiny_model):
    dense, coded = load(tiny_model), load(tiny_model)
    for name, layer in linears(coded.model).items():
        replace_(coded.model, name, Int8Linear.from_dense(layer.weight))
    assert Runner(coded.model).num_bytes < dense.runner.num_bytes
