"""Sampling against the definitions and against transformers' processors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.engine.sampling import Sampler, Sampling, choose, keep_likely
from eigenlm.errors import ConfigError

warpers = pytest.importorskip("transformers.generation.logits_process", reason="transformers is not installed")


def _logits(seed, V=40):
    return torch.randn(3, V, generator=torch.Generator().manual_seed(seed)) * 3


def _sampler(prompt, **sampling):
    return Sampler(Sampling(**sampling), prompt, torch.device("cpu"))


@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0.01, 0.99), st.floats(0.001, 0.9))
def test_kept_tokens_equal_transformers(seed, top_k, top_p, min_p):
    logits = _logits(seed)
    for ours, theirs in (
        (Sampling(top_k=top_k), warpers.TopKLogitsWarper(top_k)),
        (Sampling(top_p=top_p), warpers.TopPLogitsWarper(top_p)),
        (Sampling(min_p=min_p), warpers.MinPLogitsWarper(min_p)),
    ):
        assert torch.equal(keep_likely(logits, ours) > -torch.inf, theirs(None, logits.clone()) > -torch.inf)


def test_repetition_penalty_equals_transformers():
    logits, seen = _logits(0), [[1, 2, 2], [5, 6, 7], [0, 39, 3]]
    want = warpers.RepetitionPenaltyLogitsProcessor(1.7)(torch.tensor(seen), logits.clone())
    got = torch.stack([_sampler(tokens, repetition_penalty=1.7).adjusted(row) for row, tokens in zip(logits, seen)])
    torch.testing.assert_close(got, want)


def test_draws_follow_the_distribution():
    logits = torch.log(torch.tensor([0.5, 0.3, 0.2])).expand(3000, 3)
    samplers = [_sampler([], temperature=1.0, seed=row) for row in range(3000)]
    counts = torch.bincount(torch.tensor(choose(logits, samplers)), minlength=3) / 3000
    torch.testing.assert_close(counts, torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=0.04)  # 4 standard errors


def test_temperature_zero_is_greedy():
    logits = _logits(3)
    assert choose(logits, [_sampler([])] * 3) == logits.argmax(-1).tolist()


@pytest.mark.parametrize(
    "bad",
    [
        *[{"temperature": -1.0}, {"temperature": float("inf")}, {"repetition_penalty": 0.0}, {"top_k": -1}],
        *[{"top_p": 0.0}, {"top_p": 1.1}, {"min_p": 2.0}, {"seed": -1}, {"seed": 1 << 64}],
    ],
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Sampling(**bad)


@pytest.mark.parametrize("temperature", [1e-30, 1e-38, 1e-45, 5e-324])
def test_a_temperature_next_to_nothing_is_greedy(temperature):
    logits = torch.cat([_logits(3), 1e30 * _logits(4)])
    samplers = [_sampler([], temperature=temperature, top_p=0.9, seed=row) for row in range(6)]
    assert choose(logits, samplers) == logits.argmax(-1).tolist()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("worst", [torch.nan, torch.inf])
def test_no_token_is_chosen_among_what_is_no_number(temperature, worst):
    logits = _logits(3).index_put((torch.tensor(1), torch.tensor(7)), torch.tensor(worst))
    chosen = choose(logits, [_sampler([], temperature=temperature, seed=0)] * 3)
    assert [token is None for token in chosen] == [False, True, False]
