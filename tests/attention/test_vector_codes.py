"""Keys and values in few bits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.allowed import CACHES
from eigenlm.attention.state import KeyValueState
from eigenlm.attention.vector_codes import FORMS, codes_named
from eigenlm.engine import Runner, Sampling, Session
from eigenlm.engine.room import bytes_per_token
from eigenlm.errors import ConfigError
from tests.model.test_transformer import LLAMA, build, ids

FEW = ("int8", "int4")


def vectors(width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 5, width, generator=generator) * torch.logspace(-3, 3, 5)[:, None]


def told_again(name, x):
    return FORMS[name].decode(FORMS[name].encode(x), x.dtype)


def test_vectors_as_they_are_are_not_copied():
    x = vectors(8)
    assert told_again("float", x) is x


@given(st.integers(1, 40), st.integers(0, 99))
def test_eight_bits_err_by_half_a_step(half, seed):
    x = vectors(2 * half, seed)
    step = x.abs().amax(dim=-1, keepdim=True) / 127
    assert bool(((told_again("int8", x) - x).abs() <= 0.8 * step).all())  # a step in bfloat16 adds a quarter


@given(st.integers(1, 40), st.integers(0, 99))
def test_four_bits_err_by_half_a_step_of_a_group_that_is_turned(half, seed):
    x = vectors(2 * half, seed)
    error = (told_again("int4", x) - x).norm(dim=-1)
    assert bool((error <= 2 * x.norm(dim=-1) / 15 * 0.6 * 2**0.5).all())  # 15 steps from -|x| to |x| at the most


def test_four_bits_take_a_number_that_is_large_in_all_vectors_better_than_their_largest_alone():
    x = torch.randn(200, 64, generator=torch.Generator().manual_seed(0))
    x[:, 7] += 40
    step = (x.amax(dim=-1) - x.amin(dim=-1)) / 15
    plain = (step**2 / 12).mean()
    assert float((told_again("int4", x) - x).square().mean()) < 0.2 * float(plain)


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_zeros_stay_zeros_and_what_is_not_finite_is_seen(name, dtype):
    x = torch.zeros(2, 16, dtype=dtype)
    assert torch.equal(told_again(name, x), x)
    x[1, 3] = torch.inf
    again = told_again(name, x)
    assert again.dtype == dtype
    assert torch.equal(again[0], x[0])
    assert not again[1].isfinite().all()


@pytest.mark.parametrize("name", CACHES)
@pytest.mark.parametrize("width", [2, 12, 64, 80, 96])
def test_bytes_are_those_of_what_is_kept(name, width):
    kept = FORMS[name].encode(torch.randn(7, width))
    assert sum(part.nbytes for part in kept) == 7 * FORMS[name].num_bytes(width, 4)


@pytest.mark.parametrize("name", FEW)
def test_a_state_of_few_bits_gives_what_its_codes_tell_however_its_room_changes(name):
    model, prompt = build(LLAMA), ids(2, 12, seed=2)
    whole, grown = (model.new_state(capacity) for capacity in (16, 1))
    for state in (whole, grown):
        state.keep(FORMS[name])
    with torch.no_grad():
        want = model(prompt, state=whole)
        got = torch.cat([model(part, state=grown) for part in prompt.split([5, 1, 6], dim=1)], dim=1)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
    for layer in grown.layers:
        assert isinstance(layer, KeyValueState)
        assert all(not part.is_floating_point() or part.dtype == torch.bfloat16 for part in layer._room)


@pytest.mark.parametrize("name", FEW)
def test_a_text_is_the_same_alone_and_beside_others(name):
    model = build(LLAMA)
    prompts = [[3, 1, 4], [1], [5, 9, 2, 6]]

    def told(*given):
        with Session(Runner(model), cache=name) as session:
            slots = [session.admit(prompt, sampling=Sampling(), max_tokens=6) for prompt in given]
            texts = {slot: [] for slot in slots}
            while session.active:
                for slot, token in session.step().items():
                    texts[slot] += [] if token is None else [token]
        return [texts[slot] for slot in slots]

    assert told(*prompts) == [told(prompt)[0] for prompt in prompts]


def test_more_texts_fit_into_the_memory_that_is_there():
    config = build(LLAMA).config
    whole, eight, four = (bytes_per_token(config, torch.float32, name) for name in CACHES)
    assert whole > 2 * eight >= 2 * four


def test_unknown_forms_and_odd_heads_are_refused():
    with pytest.raises(ConfigError, match="cache: expected one of"):
        codes_named("int5", [64])
    with pytest.raises(ConfigError, match="heads of an even width, got 5"):
        codes_named("int4", [64, 5])
    assert codes_named("int8", [5]) is FORMS["int8"]
