"""A session: what it refuses, what waits, what it keeps, and the model it runs."""

import dataclasses

import pytest
import torch

from eigenlm.allowed import CACHES
from eigenlm.attention import Place
from eigenlm.engine import Runner, Sampling, Session
from eigenlm.engine.room import bytes_per_token, vector_codes
from eigenlm.errors import ConfigError, DataError, ShapeError
from eigenlm.model import ClassifierHead, DenseFeedForward, Transformer, TransformerConfig, VocabularyHead
from tests.model.test_transformer import BERT, GPT2, LLAMA, ORIGINAL, SIZES, build, ids


def run(seats):
    """Tokens of each slot, and the order in which slots ended."""
    texts, ended = {}, []
    while seats.active:
        for slot, token in seats.step().items():
            texts.setdefault(slot, []).extend([] if token is None else [token])
            ended += [slot] if token is None else []
    return texts, ended


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (BERT, "an encoder"),
        (TransformerConfig.uniform(**SIZES, head=None), "without a head"),
        (TransformerConfig.uniform(**SIZES, head=ClassifierHead(num_labels=3, reads="every")), "without a head"),
    ],
    ids=["encoder", "headless", "classifier"],
)
def test_models_that_do_not_generate_are_refused(config, said):
    with pytest.raises(ShapeError, match=said):
        Session(Runner(Transformer(config)))


@pytest.mark.parametrize(
    ("config", "prompt", "more", "error", "said"),
    [
        (LLAMA, [], {}, DataError, "prompt: expected at least one token, got an empty one"),
        (LLAMA, [1] * 24, {}, ShapeError, "prompt: expected fewer than 24 tokens, got 24"),
        (LLAMA, [1, 31], {}, ShapeError, "0 to 30, got 31"),
        (LLAMA, [1, -1], {}, ShapeError, "0 to 30, got -1"),
        (LLAMA, [1], {"source": [1]}, ShapeError, "a source if, and only if, .* got one"),
        (ORIGINAL, [1], {}, ShapeError, "a source if, and only if, .* got none"),
        (ORIGINAL, [1], {"source": []}, DataError, "source: expected at least one token"),
        (ORIGINAL, [1], {"source": [31]}, ShapeError, "source: expected 0 to 30, got 31"),
        (LLAMA, [1] * 8, {"max_tokens": 14}, ConfigError, "at most 20 tokens .*, got 21; shorten"),
    ],
)
def test_prompts_that_cannot_be_continued_are_refused(config, prompt, more, error, said):
    seats = Session(Runner(build(config)), max_tokens_held=20)
    with pytest.raises(error, match=said) as refused:
        seats.admit(prompt, **more)
    assert "\n" not in str(refused.value)
    assert not seats.active


def test_a_slot_is_released_once():
    seats = Session(Runner(build(LLAMA)))
    first, second = seats.admit([3, 1], max_tokens=5), seats.admit([4], max_tokens=3)
    seats.step()
    seats.release(first)
    for slot in (first, 99):
        with pytest.raises(ConfigError, match=f"release: expected a slot in use, got {slot}"):
            seats.release(slot)
    assert run(seats)[1] == [second]
    with pytest.raises(ConfigError, match="has ended"):
        seats.release(second)


def test_prompts_wait_for_memory_in_the_order_they_came():
    seats = Session(Runner(build(LLAMA)), max_tokens_held=20)
    slots = [seats.admit([5, 3], max_tokens=size) for size in (9, 4, 9, 4)]  # of 10, 5, 10 and 5 places
    assert set(seats.step()) == set(slots[:2])
    seats.release(slots[0])
    assert set(seats.step()) == {slots[1], slots[2]}
    texts, ended = run(seats)
    assert ended == [slots[1], slots[3], slots[2]]
    assert len(texts[slots[3]]) == 4


def test_memory_stays_within_what_was_allowed():
    seats = Session(Runner(build(LLAMA)), max_tokens_held=50)
    for size in (2, 20, 3, 8, 1, 15, 6, 2, 2, 2, 19):
        seats.admit([5, 3], max_tokens=size)
    largest = 0
    while seats.active:
        seats.step()
        (room,) = seats._state.layers[0]._room
        largest = max(largest, room.shape[1] * room.shape[3])
        assert largest <= 50
    assert largest > 20


@torch.no_grad()
def test_a_token_that_is_no_number_stays_in_its_text():
    model = build(dataclasses.replace(GPT2, head=VocabularyHead(tied=False)))
    want, _ = run_one(model, [5, 3])
    model.embedding.token.weight[30] = torch.nan
    seats = Session(Runner(model))
    broken, sound = seats.admit([30, 30, 30], max_tokens=9), seats.admit([5], max_tokens=2)
    seats.step()
    seats.release(broken)
    later = seats.admit([5, 3], max_tokens=6)
    assert run(seats)[0][later] == want
    assert sound < later
    again = seats.admit([30, 30, 30], max_tokens=9)
    with pytest.raises(DataError, match=f"NaN or infinity for slot {again}"):
        run(seats)


def run_one(model, prompt):
    seats = Session(Runner(model))
    slot = seats.admit(prompt, max_tokens=6)
    texts, ended = run(seats)
    return texts[slot], ended


def test_no_token_is_asked_for():
    seats = Session(Runner(build(LLAMA)))
    slot = seats.admit([5, 3], max_tokens=0)
    assert run(seats) == ({slot: []}, [slot])


def test_fewer_than_no_tokens_are_refused():
    with pytest.raises(ConfigError, match="max_tokens: expected 0 or more, got -5"):
        Session(Runner(build(LLAMA))).admit([5, 3], max_tokens=-5)


def test_tokens_alone_are_waited_for(monkeypatch):
    """Between the logits and the tokens nothing is read from the device; prompts are checked once, on the host."""
    seats = Session(Runner(build(LLAMA)))
    seats.admit([3, 1, 4], max_tokens=6)
    seats.admit([1], max_tokens=6, sampling=Sampling(temperature=1.0, repetition_penalty=1.2, seed=0))
    seats.step()
    waits = []
    for name in ("item", "tolist", "__bool__", "__int__"):
        true = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda *a, true=true, name=name: waits.append(name) or true(*a))
    monkeypatch.setattr(Transformer, "place", None)
    assert len(seats.step()) == 2
    assert waits == ["tolist"]


def test_a_gate_is_run_as_what_it_is():
    config = TransformerConfig.uniform(
        **SIZES | {"feed_forward": DenseFeedForward(d_ff=24, activation="gelu", gated=True)}
    )
    model = build(config)
    twin = Runner(model).current()
    assert twin is not model
    with torch.no_grad():
        torch.testing.assert_close(twin(ids(2, 6)), model(ids(2, 6)), rtol=0, atol=1e-5)  # float32, summation order


def test_a_runner_forgets_on_demand():
    model = build(LLAMA)
    runner = Runner(model)
    before = runner.current()
    assert runner.current() is before
    runner.refresh()
    assert runner.current() is not before


@pytest.mark.parametrize("cache", CACHES)
def test_bytes_of_a_token_are_those_of_the_state(cache):
    model = build(ORIGINAL)
    state = model.new_state(capacity=1)
    state.keep(vector_codes(cache, model.config))
    model(torch.tensor([[3]]), state=state, source=torch.tensor([[4]]))
    held = sum(part[:, :, :, :1].nbytes for layer in (*state.layers, *state.cross) for part in layer._room)
    assert held == bytes_per_token(model.config, torch.float32, cache)


def test_rows_of_a_state_go_and_the_others_stay():
    model = build(LLAMA)
    state, texts = model.new_state(), [[3, 1, 4], [1], [5, 9]]
    for row, text in enumerate(texts):
        place = state.advance(slice(row, row + 1), [len(text)], torch.device("cpu"), causal=True)
        assert isinstance(place, Place)
        with torch.no_grad():
            model.run(torch.tensor([text]), place, state)
    state.drop(0)
    assert state.lengths == [2, 1]
    place = state.advance(slice(0, 2), [1, 1], torch.device("cpu"), causal=True)
    with torch.no_grad():
        got = model.run(torch.tensor([[7], [7]]), place, state)[:, -1]
        want = torch.cat([model.hidden(torch.tensor([[*text, 7]]))[:, -1] for text in ([5, 9], [1])])
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5)  # float32, another kernel for masked attention
