"""Matrices of few bits at work: the same map as the dense one, in fewer bytes, where it is measured to be faster."""

import pytest
import torch
import torch.nn.functional as F
from gguf import GGMLQuantizationType
from gguf.quants import quantize

from eigenlm.engine import Runner, generate, packed_linear
from eigenlm.engine.packed_linear import CodedLinear, PackedLinear, fast_linear
from eigenlm.engine.packing import PackedAttention, PackedGatedFeedForward, pack
from eigenlm.linalg.coded_matrix import stacked
from eigenlm.linalg.coded_product import CodedProduct
from eigenlm.linear import BlockLinear, DenseLinear, Int8Linear, linear_maps
from eigenlm.model import DenseFeedForward, SoftmaxConfig, Transformer, TransformerConfig

TYPES = pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "int8"])
WIDE = TransformerConfig.uniform(
    vocab_size=60,
    context_length=64,
    d_model=64,
    num_layers=2,
    attention=SoftmaxConfig(num_heads=4, num_kv_heads=2, head_dim=16),
    feed_forward=DenseFeedForward(d_ff=96, activation="silu", gated=True, bias=True),
)


def few_bits(kind, W, bias, dtype=torch.float32):
    if kind == "int8":
        return Int8Linear.from_dense(W, bias).to(dtype)
    number = GGMLQuantizationType[kind]
    blocks = torch.from_numpy(quantize(W.detach().numpy(), number))
    return BlockLinear.from_blocks(blocks, W.shape[1], int(number), bias, dtype)


def built(kind=None):
    """A model, and the same numbers as dense matrices."""
    torch.manual_seed(0)
    model, dense = Transformer(WIDE), Transformer(WIDE)
    dense.load_state_dict(model.state_dict())
    for name, layer in linear_maps(model).items():
        coded = few_bits(kind, layer.weight, layer.bias)
        model.set_submodule(name, coded)
        dense.set_submodule(name, DenseLinear.from_dense(coded.dense().detach(), coded.bias))
    return model, dense


@pytest.fixture(autouse=True)
def always_faster(monkeypatch):
    """What is measured on a busy machine is no matter of these tests."""
    monkeypatch.setattr(packed_linear, "_known", {})
    monkeypatch.setattr(packed_linear, "least_seconds", lambda ways, x: [1.0, 2.0])


@TYPES
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(96,), (1, 96), (2, 3, 96), (40, 96), (0, 96), (2, 0, 96)])
def test_it_is_the_dense_map(kind, bias, shape):
    layer = few_bits(kind, torch.randn(50, 96), torch.randn(50) if bias else None)
    twin, x = pack(layer), torch.randn(shape)
    assert isinstance(twin, CodedLinear)
    exact = F.linear(x.double(), layer.dense().double(), None if layer.bias is None else layer.bias.double())
    with torch.no_grad():
        got = twin(x)
    assert got.dtype == torch.float32
    codes = layer.coded()
    reach = 16 * codes.steps.abs().repeat_interleave(codes.group, 1) + layer.dense().abs()
    # float32 sums of terms no larger than these, where a product with the dense matrix has |W| alone
    assert bool(((got.double() - exact).abs() <= 2e-6 * (x.abs() @ reach.mT + 1)).all())


@TYPES
@pytest.mark.parametrize("rows", [1, 5, 40])
def test_bfloat16_is_as_near_as_a_product_in_it(kind, rows):
    layer = few_bits(kind, torch.randn(50, 96), torch.randn(50), torch.bfloat16)
    layer.bias.data = layer.bias.bfloat16()
    x = torch.randn(rows, 96).bfloat16()
    size = x.abs().double() @ layer.dense().abs().double().mT + layer.bias.abs().double()
    exact = F.linear(x.double(), layer.dense().double(), layer.bias.double())
    with torch.no_grad():
        got = pack(layer)(x)
    assert got.dtype == torch.bfloat16
    # dense() is rounded to 8 bits, each number by 2^-9 of it at most, and so is the result
    assert bool(((got.double() - exact).abs() <= 2**-8 * size).all())


@TYPES
def test_queries_keys_values_and_gates_are_fused(kind):
    model, _ = built(kind)
    twin = pack(model)
    block = twin.blocks[0]
    assert isinstance(block.attention, PackedAttention)
    assert isinstance(block.attention.query_key_value, CodedLinear)
    assert isinstance(block.feed_forward, PackedGatedFeedForward)
    assert isinstance(block.feed_forward.gate_up, CodedLinear)


def test_layers_of_other_types_are_fused_too():
    model, _ = built("Q4_1")
    value = model.blocks[0].attention.value
    model.blocks[0].attention.value = few_bits("Q8_0", value.dense(), value.bias)
    assert isinstance(pack(model).blocks[0].attention.query_key_value, CodedLinear)
    model.blocks[0].attention.value = DenseLinear.from_dense(torch.randn_like(value.dense()), value.bias)
    assert isinstance(pack(model).blocks[0].attention.query_key_value, PackedLinear)


@TYPES
def test_the_same_tokens_come_as_from_dense_matrices(kind, monkeypatch):
    model, dense = built(kind)
    runners = [Runner(model), Runner(dense)]
    runners[0].current()
    monkeypatch.setattr(packed_linear, "_known", {})
    monkeypatch.setattr(packed_linear, "least_seconds", lambda ways, x: [2.0, 1.0])
    prompts = [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], [2, 7]]
    texts = [[list(step) for step in generate(runner, prompts, max_tokens=24)] for runner in runners]
    assert texts[0] == texts[1]
    coded = [part for part in runners[0].current().modules() if isinstance(part, CodedLinear)]
    assert len(coded) == 8
    assert not any(isinstance(part, CodedLinear) for part in runners[1].current().modules())


def test_a_dense_model_that_was_read_from_blocks_runs_from_them():
    _, dense = built("Q4_1")
    twin = pack(dense)
    assert isinstance(twin.blocks[0].feed_forward.down, CodedLinear)
    assert isinstance(twin.head.logits, PackedLinear)
    kind = GGMLQuantizationType.Q8_0
    rows = torch.from_numpy(quantize(dense.embedding.token.weight.detach().numpy(), kind))
    dense.embedding.token.weight.data = BlockLinear.from_blocks(rows, 64, int(kind), None, torch.float32).dense()
    assert isinstance(pack(dense).head.logits, CodedLinear)


def test_many_rows_are_multiplied_by_matrices_that_are_there_anyway(monkeypatch):
    stored = [few_bits("Q4_1", torch.randn(rows, 64), torch.randn(rows)) for rows in (96, 32)]
    layers = [DenseLinear.from_dense(layer.dense().detach(), layer.bias) for layer in stored]
    codes = stacked([layer.coded() for layer in layers])
    fast, x = CodedLinear(codes, torch.cat([layer.bias for layer in layers])), torch.randn(2, 9, 64)
    monkeypatch.setattr(CodedProduct, "transposed", None)
    want = torch.cat([layer(x) for layer in layers], dim=-1)
    torch.testing.assert_close(fast(x), want, rtol=1e-5, atol=1e-4)  # float32 sums of 64 terms
    torch.testing.assert_close(fast(x[:, :2]), want[:, :2], rtol=1e-4, atol=1e-3)  # those of codes


@TYPES
def test_a_table_of_few_bits_is_the_head_and_is_never_multiplied_out(kind, monkeypatch):
    torch.manual_seed(0)
    model = Transformer(WIDE)
    table = few_bits(kind, model.embedding.token.weight, None)
    want = Transformer(WIDE)
    want.load_state_dict(model.state_dict())
    want.embedding.token.weight.data = table.dense().detach()
    model.embedding.token = table
    runners = [Runner(model), Runner(want)]
    assert isinstance(runners[0].current().head.logits, CodedLinear)
    monkeypatch.setattr(type(table), "dense", None)
    texts = [[list(step) for step in generate(runner, [[3, 1, 4]], max_tokens=24)] for runner in runners]
    assert texts[0] == texts[1]


@TYPES
def test_it_takes_fewer_bytes(kind):
    layer = few_bits(kind, torch.randn(64, 96), None)
    twin = pack(layer)
    assert isinstance(twin, CodedLinear)
    assert twin.product.num_bytes <= {"4": 0.75, "5": 1.25, "8": 1.125, "i": 1.05}[kind.strip("Q")[0]] * 64 * 96


def test_what_is_slower_runs_dense(monkeypatch):
    layer = few_bits("Q4_0", torch.randn(50, 96), None)
    asked = []
    monkeypatch.setattr(packed_linear, "least_seconds", lambda ways, x: asked.append(x.dtype) or [2.0, 1.0])
    assert all(isinstance(pack(layer), PackedLinear) for _ in range(3))
    assert asked == [torch.float32]
    assert isinstance(pack(few_bits("Q4_0", torch.randn(50, 96), None, torch.bfloat16)), PackedLinear)
    assert asked == [torch.float32, torch.bfloat16]


def test_both_ways_are_timed(monkeypatch):
    monkeypatch.undo()
    layer = few_bits("Q4_0", torch.randn(64, 96), None)
    ways = ([CodedLinear(layer.coded(), None)], [PackedLinear(layer.dense(), None)] * 2)
    assert all(0 < seconds < 1 for seconds in packed_linear.least_seconds(ways, torch.ones(1, 96)))


@pytest.mark.parametrize("columns", [40, 7])
def test_odd_sizes_run_dense(columns):
    layer = Int8Linear.from_dense(torch.randn(9, columns))
    assert isinstance(pack(layer), CodedLinear) == (columns == 40)
    assert isinstance(fast_linear(layer.coded(), None), CodedLinear) == (columns == 40)


@torch.no_grad()
def test_a_matrix_of_rank_0_is_packed_and_gives_the_bias():
    for sizes in ((0, 6), (6, 0)):
        bias = torch.arange(float(sizes[0]))
        assert torch.equal(fast_linear(torch.zeros(sizes), bias)(torch.ones(3, sizes[1])), bias.expand(3, -1))
