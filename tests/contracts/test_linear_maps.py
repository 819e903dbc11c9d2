"""What every kind of linear layer keeps to; a kind that is registered is tested."""

import dataclasses
import json

import pytest
import torch
import torch.nn.functional as F

import eigenlm
from eigenlm.analysis import decompose
from eigenlm.checkpoint import open_matrices, read_model, write_folder, write_hugging_face
from eigenlm.engine.packed_linear import fast_linear
from eigenlm.engine.packing import pack
from eigenlm.errors import ConfigError
from eigenlm.linear import LINEAR_MAPS, linear_map, linear_maps
from eigenlm.observe import linears, replace_
from tests.model.test_transformer import LLAMA, build, ids

KINDS = pytest.mark.parametrize("kind", LINEAR_MAPS)
SIZES = pytest.mark.parametrize(("rows", "columns"), [(7, 5), (5, 7), (6, 6), (1, 4)])


def layer_of(kind, rows=7, columns=5, bias=True, dtype=torch.float64):
    generator = torch.Generator().manual_seed(rows)
    W = torch.randn(rows, columns, generator=generator, dtype=dtype)
    return LINEAR_MAPS[kind].from_dense(W, torch.arange(float(rows)).to(dtype) if bias else None)


@KINDS
@SIZES
@pytest.mark.parametrize("bias", [True, False])
def test_forward_is_the_dense_matrix(kind, rows, columns, bias):
    layer, x = layer_of(kind, rows, columns, bias), torch.randn(3, 4, columns, dtype=torch.float64)
    assert (layer.out_features, layer.in_features, layer.dense().shape) == (rows, columns, (rows, columns))
    # float64 products of a few numbers
    torch.testing.assert_close(layer(x), F.linear(x, layer.dense(), layer.bias), rtol=1e-12, atol=1e-12)


@KINDS
def test_rows_are_those_of_the_dense_matrix(kind):
    layer, places = layer_of(kind), torch.tensor([[6, 0, 3], [3, 3, 1]])
    assert torch.equal(layer.rows(places), layer.dense()[places])
    assert layer.rows(places[:0]).shape == (0, 3, 5)


@KINDS
def test_in_the_place_of_a_table_it_gives_the_logits_of_its_matrix(kind):
    model = build(LLAMA)
    with torch.no_grad():
        table = LINEAR_MAPS[kind].from_dense(model.embedding.token.dense())
        model.embedding.token.weight.copy_(table.dense())
        want = model(ids(2, 6))
        replace_(model, "embedding.token", table)
        # the same numbers, summed in another order by a packed head
        torch.testing.assert_close(model(ids(2, 6)), want, rtol=0, atol=0)
        torch.testing.assert_close(pack(model)(ids(2, 6)), want, rtol=1e-4, atol=1e-5)


@KINDS
def test_it_comes_close_to_the_matrix_it_is_made_of(kind):
    W = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    # 8 bits and more: half a step of 1/127 of the row's largest number
    assert (layer_of(kind).dense() - W).abs().max() <= W.abs().max() / 253


@KINDS
@SIZES
def test_a_spec_makes_an_empty_layer_that_takes_the_same_tensors(kind, rows, columns):
    layer = layer_of(kind, rows, columns, dtype=torch.float32)
    spec = json.loads(json.dumps(layer.spec()))
    with torch.device("meta"):
        empty = linear_map(spec)
    assert type(empty) is type(layer)
    assert empty.spec() == layer.spec()
    assert (empty.num_params, empty.num_bytes, empty.storage) == (layer.num_params, layer.num_bytes, layer.storage)
    assert empty.num_multiplications == layer.num_multiplications
    empty.load_state_dict(layer.state_dict(), strict=True, assign=True)
    x = torch.randn(2, columns)
    assert torch.equal(empty(x), layer(x))


@KINDS
def test_bytes_are_those_of_its_tensors(kind):
    layer = layer_of(kind, dtype=torch.float32)
    assert layer.num_bytes == sum(tensor.nbytes for tensor in layer.state_dict().values())


@KINDS
def test_another_dtype_leaves_codes_and_places_alone(kind):
    layer, want = layer_of(kind, dtype=torch.float32), layer_of(kind, dtype=torch.float32).state_dict()
    storage = layer.storage
    assert layer.bfloat16().storage == storage
    for name, tensor in layer.state_dict().items():
        assert tensor.dtype == storage.get(name, torch.bfloat16)
        if name in storage:
            assert torch.equal(tensor, want[name])


@KINDS
def test_gradients_reach_every_float(kind):
    layer, x = layer_of(kind), torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    layer(x).square().sum().backward()
    assert {name for name, _ in layer.named_parameters()} == {*layer.state_dict()} - {*layer.storage}
    assert all(parameter.grad is not None for parameter in layer.parameters())
    want = 2 * F.linear(F.linear(x, layer.dense(), layer.bias), layer.dense().mT)
    torch.testing.assert_close(x.grad, want, rtol=1e-10, atol=1e-10)  # float64 products of a few numbers


@KINDS
def test_merged_and_packed_apply_the_same_matrix(kind):
    layer, x = layer_of(kind, dtype=torch.float32), torch.randn(3, 5)
    torch.testing.assert_close(layer.merged()(x), layer(x), rtol=1e-4, atol=1e-4)  # float32 products of a few numbers
    with torch.no_grad():
        for packed in (pack(layer), layer.packed(fast_linear)):
            torch.testing.assert_close(packed(x), layer(x), rtol=1e-4, atol=1e-4)


@KINDS
def test_a_model_folder_keeps_it(kind, tmp_path):
    model = build(LLAMA)
    old = model.blocks[1].feed_forward.up
    model.blocks[1].feed_forward.up = LINEAR_MAPS[kind].from_dense(old.weight, old.bias)
    write_folder(tmp_path / "m", model)
    again = read_model(tmp_path / "m").model
    assert type(again.blocks[1].feed_forward.up) is LINEAR_MAPS[kind]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    half = read_model(tmp_path / "m", dtype=torch.bfloat16).model.blocks[1].feed_forward.up
    assert half.storage == model.blocks[1].feed_forward.up.storage
    assert {p.dtype for p in half.parameters()} <= {torch.bfloat16}


@KINDS
def test_other_libraries_get_it_dense(kind, tmp_path):
    model = build(LLAMA)
    old = model.blocks[1].feed_forward.up
    model.blocks[1].feed_forward.up = LINEAR_MAPS[kind].from_dense(old.weight, old.bias)
    if kind != "dense":
        with pytest.raises(ConfigError, match=f"1 of another kind \\({kind.replace('_', '-')}\\)"):
            write_hugging_face(tmp_path / "m", model)
    write_hugging_face(tmp_path / "m", model, multiply_out=True)
    again = read_model(tmp_path / "m").model.blocks[1].feed_forward.up
    torch.testing.assert_close(again.weight, model.blocks[1].feed_forward.up.dense(), rtol=0, atol=0)


@KINDS
def test_every_linear_layer_of_a_model_is_seen_once(kind):
    model = build(LLAMA)
    names = list(linears(model))
    for name, layer in linears(model).items():
        model.set_submodule(name, LINEAR_MAPS[kind].from_dense(layer.dense(), layer.bias))
    assert list(linears(model)) == list(linear_maps(model)) == names
    assert {type(layer) for layer in linears(model).values()} == {LINEAR_MAPS[kind]}
    assert model(ids(1, 4)).isfinite().all()


@KINDS
def test_a_language_model_counts_its_numbers(kind, tiny_model):
    lm = eigenlm.load(tiny_model)
    up, before = lm.model.blocks[0].feed_forward.up, lm.num_params
    layer = lm.model.blocks[0].feed_forward.up = LINEAR_MAPS[kind].from_dense(up.weight, up.bias)
    assert lm.num_params - before == layer.num_params - up.num_params


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(ConfigError, match=r"got 'interpolativ'; did you mean 'interpolative'\?") as refused:
        linear_map({"kind": "interpolativ"})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("spec", [None, [], "dense", {}, {"kind": "sum"}, {"kind": "sum", "parts": [1]}])
def test_what_is_no_spec_is_refused(spec):
    with pytest.raises(ConfigError, match=r"^[^\n]*$"):
        linear_map(spec)


@KINDS
@pytest.mark.parametrize("bias", [True, False])
def test_its_spectrum_is_that_of_the_matrix_it_applies(kind, bias, tmp_path):
    def with_bias(layer):
        return dataclasses.replace(layer, feed_forward=dataclasses.replace(layer.feed_forward, bias=bias))

    model = build(LLAMA.with_layers(with_bias))
    old = model.blocks[1].feed_forward.up
    layer = model.blocks[1].feed_forward.up = LINEAR_MAPS[kind].from_dense(old.weight, old.bias)
    write_folder(tmp_path / "m", model)
    matrices, tensors = decompose(tmp_path / "m"), open_matrices(tmp_path / "m")
    want = torch.linalg.svdvals(layer.dense().detach().double())
    found = matrices["blocks.1.feed_forward.up"].singular_values
    torch.testing.assert_close(found, want, rtol=1e-6, atol=1e-6)  # the product of the factors is made in float32
    assert len(matrices.matrices) == len(decompose(build(LLAMA)).matrices)
    assert ("blocks.1.feed_forward.up.bias" in tensors) == bias
    assert {name: tuple(tensors[name].shape) for name in tensors} == {name: tensors.shape(name) for name in tensors}
    assert sum(tensors.num_bytes(name) for name in tensors) == sum(t.nbytes for t in model.state_dict().values())
