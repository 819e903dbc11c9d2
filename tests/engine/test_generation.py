"""Generation: cached = uncached, batch = single, packed = plain, and how it ends."""

import dataclasses

import pytest
import torch

from eigenlm.engine import Runner, Sampling, generate, packing
from eigenlm.errors import DataError, ShapeError
from eigenlm.model import ClassifierHead, InterpolativeLinear, LowRankLinear
from tests.model.test_transformer import BERT, DECODERS, LLAMA, ORIGINAL, build, ids

FAMILIES = DECODERS | {"original": ORIGINAL}
PROMPTS = [[3, 1, 4, 1, 5, 9, 2], [6], [5, 3, 5]]
SOURCES = [[2, 7, 1, 8], [2, 8], [1, 8, 2, 8, 4]]


def _rows(steps):
    return [[token for token in row if token is not None] for row in zip(*steps)]


def _uncached(model, prompt, source, count):
    tokens = list(prompt)
    for _ in range(count):
        extra = {"source": torch.tensor([source])} if model.config.kind == "encoder_decoder" else {}
        tokens.append(int(model(torch.tensor([tokens]), **extra)[0, -1].argmax()))
    return tokens[len(prompt) :]


@pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
@torch.no_grad()
def test_a_batch_with_a_cache_equals_each_prompt_alone_without(config):
    model = build(config)
    sources = SOURCES if config.kind == "encoder_decoder" else None
    batch = _rows(generate(model, PROMPTS, max_tokens=9, sources=sources))
    assert batch == [_uncached(model, prompt, source, 9) for prompt, source in zip(PROMPTS, SOURCES)]


@pytest.mark.parametrize("config", [*FAMILIES.values(), BERT], ids=[*FAMILIES, "bert"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@torch.no_grad()
def test_packed_equals_plain(config, dtype):
    model = build(config, dtype)
    extra = {"source": ids(2, 5, seed=9)} if config.kind == "encoder_decoder" else {}
    twin = Runner(model).current()
    assert twin is not model
    bound = 1e-5 if dtype == torch.float32 else 0.15  # bfloat16 keeps 8 bits; logits here are of size 4
    torch.testing.assert_close(twin(ids(2, 6), **extra), model(ids(2, 6), **extra), rtol=0, atol=bound)


@pytest.mark.parametrize("worth", [0, 1 << 20], ids=["thin", "multiplied out"])
@pytest.mark.parametrize("kind", [LowRankLinear, InterpolativeLinear])
@torch.no_grad()
def test_packed_equals_plain_with_thin_layers(kind, worth, monkeypatch):
    monkeypatch.setattr(packing, "_BYTES_A_CALL", worth)
    model, generator = build(BERT), torch.Generator().manual_seed(0)
    for block in model.blocks:
        for part, name in ((block.attention, "key"), (block.attention, "output"), (block.feed_forward, "gate")):
            dense = getattr(part, name)
            B = torch.randn(dense.out_features, 3, generator=generator)
            A = torch.randn(3, dense.in_features, generator=generator)
            setattr(part, name, kind.from_factors(B, A, dense.bias))
    want, got = model(ids(2, 6)), Runner(model).current()(ids(2, 6))
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-4)  # float32; unit normal factors make logits of size 10


@torch.no_grad()
def test_packing_follows_the_weights():
    model, tokens = build(LLAMA), ids(1, 4)
    runner = Runner(model)
    assert runner.current() is runner.current()
    before = runner.current()(tokens)
    model.blocks[0].feed_forward.up.weight.mul_(2)
    after = runner.current()(tokens)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, model(tokens), rtol=0, atol=1e-5)  # float32, another summation order


@torch.no_grad()
def test_packing_is_not_deceived_by_memory_used_again():
    model, tokens, generator = build(LLAMA), ids(1, 4), torch.Generator().manual_seed(0)
    layer, runner = model.blocks[0].feed_forward.up, Runner(model)
    for _ in range(5):
        layer.weight.data = torch.randn(layer.weight.shape, generator=generator)
        torch.testing.assert_close(runner.current()(tokens), model(tokens), rtol=1e-5, atol=1e-4)  # float32 rounding


def test_stop_token_ends_one_row_and_not_the_other():
    model = build(LLAMA)
    prompts = [[5, 3, 5], [11]]
    first, second = _rows(generate(model, prompts, max_tokens=8))
    stop = [token for token in first if token not in second][-1]
    got = _rows(generate(model, prompts, max_tokens=8, stop_tokens={stop}))
    assert 0 < first.index(stop) < 7
    assert got == [first[: first.index(stop)], second]


def test_generation_ends_with_the_context():
    model = build(LLAMA)
    (row,) = _rows(generate(model, [list(range(20))], max_tokens=100))
    assert len(row) == LLAMA.context_length - 20


@pytest.mark.parametrize(
    ("prompts", "error", "said"),
    [
        ([], DataError, "empty"),
        ([[1], []], DataError, "empty"),
        ([[1] * 24], ShapeError, "fewer than 24 tokens, got 24"),
        ([[99]], ShapeError, "0 to 30, got 99"),
    ],
)
def test_bad_prompts_are_refused(prompts, error, said):
    with pytest.raises(error, match=said):
        list(generate(build(LLAMA), prompts, max_tokens=3))


def test_an_encoder_does_not_generate():
    with pytest.raises(ShapeError, match="an encoder"):
        list(generate(build(BERT), [[1]], max_tokens=3))


@pytest.mark.parametrize("head", [None, ClassifierHead(num_labels=2)])
def test_without_logits_over_the_vocabulary_nothing_is_generated(head):
    with pytest.raises(ShapeError, match="a head over the vocabulary"):
        list(generate(build(dataclasses.replace(LLAMA, head=head)), [[1]], max_tokens=3))


def test_seeded_rows_do_not_depend_on_their_batch():
    model = build(dataclasses.replace(LLAMA, context_length=64))
    hot = Sampling(temperature=1.0, seed=5)
    batch = _rows(generate(model, PROMPTS, max_tokens=20, sampling=hot))
    alone = [
        _rows(generate(model, [prompt], max_tokens=20, sampling=dataclasses.replace(hot, seed=5 + row)))[0]
        for row, prompt in enumerate(PROMPTS)
    ]
    assert batch == alone
    assert _rows(generate(model, PROMPTS, max_tokens=20, sampling=dataclasses.replace(hot, seed=6))) != batch
