"""Perplexity against a token-by-token twin, and intervals that cover the truth."""

import dataclasses
import math

import pytest
import torch

from eigenlm.errors import ConfigError, DataError
from eigenlm.language_model import load
from eigenlm.tasks import Perplexity, nll_increase, perplexity
from eigenlm.text.tokenizer_training import train_tokenizer

TEXT = "The matrix of a language model maps each token to a vector, and — naïvely — the vector to the next token."


@pytest.fixture(scope="module")
def lm(tiny_model):
    return load(tiny_model)


@torch.no_grad()
def _one_by_one(lm, ids, window, stride):
    """Nats and bytes of every token, each with the longest context that some window gives it."""
    starts = list(range(0, len(ids), stride))
    total, count, num_bytes = 0.0, 0, 0
    for place in range(1, len(ids)):
        contexts = [ids[start:place] for start in starts if start < place < start + window]
        if contexts:
            context = max(contexts, key=len)
            total -= float(lm.model(torch.tensor([context]))[0, -1].log_softmax(-1)[ids[place]])
            count += 1
            num_bytes += len(lm.tokenizer.token_bytes(ids[place]))
    return total, count, num_bytes


@pytest.mark.parametrize(("window", "stride"), [(16, None), (16, 16), (16, 5), (7, 1), (128, None)])
def test_equals_scoring_one_token_at_a_time(lm, window, stride):
    got = perplexity(lm, TEXT, window=window, stride=stride)
    total, count, num_bytes = _one_by_one(lm, lm.tokenizer.encode(TEXT), window, stride or window)
    assert (got.tokens, got.num_bytes) == (count, num_bytes)
    assert got.nll == pytest.approx(total / count, rel=1e-5)  # float32 logits, another batch shape
    assert got.perplexity == pytest.approx(math.exp(total / count), rel=1e-4)
    assert got.bits_per_byte == pytest.approx(total / math.log(2) / num_bytes, rel=1e-5)


def test_unknown_letters_count_with_their_own_bytes(lm):
    text = "the rank 中文 of Ω " * 4
    letters = dataclasses.replace(lm, tokenizer=train_tokenizer("character", [TEXT], 100))
    assert perplexity(letters, text, window=128).num_bytes == len(text.encode()) - 1


def test_documents_are_read_as_one_text(lm):
    assert perplexity(lm, [TEXT, TEXT]).nll == perplexity(lm, TEXT + "\n\n" + TEXT).nll


@pytest.mark.parametrize("text", ["", [], "a"])
def test_too_little_text_is_refused(lm, text):
    with pytest.raises(DataError, match="at least 2 tokens"):
        perplexity(lm, text)


@pytest.mark.parametrize(
    ("options", "said"), [({"window": 1}, "window"), ({"window": 999}, "window"), ({"stride": 0}, "stride")]
)
def test_windows_that_do_not_fit_are_refused(lm, options, said):
    with pytest.raises(ConfigError, match=said):
        perplexity(lm, TEXT, **{"window": 16} | options)


def _measurement(window_nll):
    return Perplexity(
        nll=sum(window_nll) / 100 / len(window_nll),
        tokens=100 * len(window_nll),
        num_bytes=1,
        window=101,
        stride=101,
        window_nll=tuple(window_nll),
        window_tokens=(100,) * len(window_nll),
    )


@pytest.mark.parametrize("windows", [3, 30])
def test_interval_covers_the_true_increase(windows):
    generator, covered = torch.Generator().manual_seed(0), 0
    for _ in range(200):
        before = torch.randn(windows, generator=generator) * 20 + 300
        after = before + torch.randn(windows, generator=generator) * 4 + 5
        increase = nll_increase(_measurement(before.tolist()), _measurement(after.tolist()))
        covered += increase.low <= 0.05 <= increase.high
    assert 0.91 <= covered / 200 <= 0.99  # 95 % nominal, and two and a half deviations of 200 trials


def test_two_measurements_must_share_their_windows():
    one = _measurement([1.0, 2.0])
    with pytest.raises(DataError, match="same windows"):
        nll_increase(one, dataclasses.replace(one, window=7))


def test_what_a_cache_of_few_bits_costs_is_scored(lm):
    text = "the rank of a matrix is no more than its width. " * 8
    before = perplexity(lm, text, window=48)
    costs = {}
    for name in ("int8", "int4"):
        coded = dataclasses.replace(lm, cache=name)
        costs[name] = abs(perplexity(coded, text, window=48).nll - before.nll)
    assert 0 < costs["int8"] < costs["int4"] < 0.05
