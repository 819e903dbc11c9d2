"""What is hidden is what the papers say, and the same whoever holds the row."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.errors import ConfigError
from eigenlm.text.batches import Batch
from eigenlm.text.corruption import Denoising, denoising, masked, num_sentinels, sentinel_tokens
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_training import train_tokenizer

from .conftest import CORPUS


@pytest.fixture(scope="module")
def wordpiece() -> Tokenizer:
    return train_tokenizer("wordpiece", CORPUS, 200)


@pytest.fixture(scope="module")
def sentinelled() -> Tokenizer:
    return train_tokenizer("bpe", CORPUS, 400, ("<|endoftext|>", *sentinel_tokens(20)))


def rows(lengths: list[int], width: int, low: int, high: int, first: int = 0) -> Batch:
    """Random tokens, each row padded after its length."""
    rng = np.random.default_rng([first, width])
    positions = torch.stack([torch.where(torch.arange(width) < n, torch.arange(width), -1) for n in lengths])
    ids = torch.from_numpy(rng.integers(low, high, (len(lengths), width)))
    ids = torch.where(positions >= 0, ids, 0)
    samples = torch.arange(first, first + len(lengths))
    return Batch(samples, ids, torch.full_like(ids, -100), torch.where(positions >= 0, 0, -1), positions)


def part(batch: Batch, rows: slice) -> Batch:
    return Batch(*(getattr(batch, field.name)[rows] for field in fields(Batch)))


def test_masking_hides_the_fractions_of_the_paper(wordpiece):
    control = set(wordpiece.control_tokens.values())
    batch = rows([128] * 200, 128, 0, wordpiece.vocab_size)
    hidden = masked(batch, wordpiece, seed=1)
    chosen = hidden.targets != -100
    free = ~torch.isin(batch.ids, torch.tensor(sorted(control)))
    assert chosen.sum(dim=1).tolist() == [round(0.15 * n) for n in free.sum(dim=1).tolist()]
    assert torch.equal(hidden.targets[chosen], batch.ids[chosen])
    assert torch.equal(hidden.ids[~chosen], batch.ids[~chosen])
    assert not control & set(batch.ids[chosen].tolist())
    mask = wordpiece.id("[MASK]")
    now, before = hidden.ids[chosen], batch.ids[chosen]
    is_mask, stays = now == mask, now == before
    n = len(now)  # about 3,700, so five standard deviations are below 0.034
    assert abs(is_mask.sum() / n - 0.8) < 0.034
    assert abs(stays.sum() / n - 0.1) < 0.027  # a random token is the old one in 1 of 190
    others = now[~is_mask & ~stays]
    assert abs(len(others) / n - 0.1) < 0.025
    assert not control & set(others.tolist())
    assert len(set(others.tolist())) > 100
    # Places are chosen evenly: of 200 rows each place is chosen in about 28.
    assert 5 < chosen.sum(dim=0).min() <= chosen.sum(dim=0).max() < 60


def test_random_tokens_reach_both_ends_of_the_vocabulary(wordpiece):
    batch = rows([128] * 400, 128, 10, 20)
    now = masked(batch, wordpiece, seed=0, fraction=0.9).ids
    free = set(range(wordpiece.vocab_size)) - set(wordpiece.control_tokens.values())
    assert set(now.unique().tolist()) == free | {wordpiece.id("[MASK]")}


def test_at_least_one_token_is_hidden_and_none_of_the_padding(wordpiece):
    batch = rows([1, 2, 3, 16], 16, 10, 30)
    hidden = masked(batch, wordpiece, seed=0)
    assert (hidden.targets != -100).sum(dim=1).tolist() == [1, 1, 1, 2]
    assert bool((hidden.targets[batch.positions < 0] == -100).all())
    assert bool((hidden.ids[batch.positions < 0] == 0).all())
    only_control = rows([8], 8, wordpiece.id("[SEP]"), wordpiece.id("[SEP]") + 1)
    assert bool((masked(only_control, wordpiece, seed=0).targets == -100).all())


def test_masks_follow_the_sample_and_the_seed(wordpiece):
    batch = rows([32] * 6, 32, 10, 60)
    whole = masked(batch, wordpiece, seed=4)
    for cut in (slice(0, 2), slice(2, 3), slice(3, 6)):
        assert torch.equal(masked(part(batch, cut), wordpiece, seed=4).ids, whole.ids[cut])
    assert not torch.equal(masked(batch, wordpiece, seed=5).targets, whole.targets)
    same_text = Batch(batch.samples, batch.ids[:1].repeat(6, 1), batch.targets, batch.documents, batch.positions)
    targets = masked(same_text, wordpiece, seed=4).targets
    assert len({tuple(row) for row in targets.tolist()}) == 6


def restored(row: int, noisy: Denoising, sentinels: list[int]) -> tuple[list[int], list[int]]:
    """The text put together again by reading source and targets token by token, and the lengths of its spans."""
    source = noisy.source[row][noisy.source_positions[row] >= 0].tolist()
    targets = noisy.targets[row][noisy.positions[row] >= 0].tolist()
    spans: list[list[int]] = []
    for token in targets:
        if token in sentinels:
            assert token == sentinels[len(spans)]
            spans.append([])
        else:
            spans[-1].append(token)
    assert spans.pop() == []  # the last sentinel ends the targets
    text, used = [], 0
    for token in source:
        if token in sentinels:
            assert token == sentinels[used]
            text += spans[used]
            used += 1
        else:
            text.append(token)
    assert used == len(spans)
    return text, [len(span) for span in spans]


@given(lengths=st.lists(st.integers(1, 64), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_source_and_targets_make_the_text_again(sentinelled, lengths, seed):
    batch = rows(lengths, 64, 30, 300, first=seed)
    noisy = denoising(batch, sentinelled, seed=seed)
    sentinels = [sentinelled.id(token) for token in sentinel_tokens(20)]
    for row, n in enumerate(lengths):
        text, spans = restored(row, noisy, sentinels)
        assert text == batch.ids[row, :n].tolist()
        assert sum(spans) == (min(max(round(0.15 * n), 1), n - 1))
        assert all(spans)
        if spans:
            assert len(spans) == min(max(round(sum(spans) / 3), 1), n - sum(spans))
        m = len(noisy.targets[row][noisy.positions[row] >= 0])
        assert noisy.ids[row, 0] == sentinelled.bos
        assert torch.equal(noisy.ids[row, 1:m], noisy.targets[row, : m - 1])
        assert noisy.positions[row].tolist() == [*range(m)] + [-1] * (len(noisy.positions[row]) - m)
        assert bool((noisy.targets[row, m:] == -100).all())


def test_shapes_depend_on_the_context_alone(sentinelled):
    full = denoising(rows([64] * 2, 64, 30, 300), sentinelled, seed=0)
    short = denoising(rows([5], 64, 30, 300), sentinelled, seed=0)
    assert full.source.shape[1] == short.source.shape[1] == 64 - 10 + 3
    assert full.targets.shape[1] == short.targets.shape[1] == 10 + 3 + 1
    assert bool((full.positions >= 0).all())
    assert bool((full.source_positions >= 0).all())
    assert num_sentinels(64) == 4
    assert num_sentinels(512) == 27  # T5's: 77 of 512 tokens, in 26 spans


def test_spans_are_cut_in_all_ways_alike(sentinelled):
    # 40 tokens, 6 dropped in 2 spans: 5 ways to cut the spans, 33 to cut what is kept.
    noisy = denoising(rows([40] * 2000, 40, 30, 300), sentinelled, seed=0)
    sentinels = [sentinelled.id(token) for token in sentinel_tokens(20)]
    lengths = [restored(row, noisy, sentinels)[1] for row in range(2000)]
    counts = np.bincount([first for first, _ in lengths], minlength=6)[1:]
    assert np.abs(counts - 400).max() < 90  # five standard deviations
    starts = np.array([noisy.source[row].tolist().index(sentinels[0]) for row in range(2000)])
    assert set(starts) == set(range(1, 34))


def test_spans_follow_the_sample_and_the_seed(sentinelled):
    batch = rows([32] * 6, 32, 30, 300)
    whole = denoising(batch, sentinelled, seed=4)
    for cut in (slice(0, 2), slice(2, 3), slice(3, 6)):
        mine = denoising(part(batch, cut), sentinelled, seed=4)
        assert all(torch.equal(getattr(mine, f.name), getattr(whole, f.name)[cut]) for f in fields(Denoising))
    assert not torch.equal(denoising(batch, sentinelled, seed=5).source, whole.source)


def test_the_random_numbers_stay_what_they_were(wordpiece, sentinelled):
    # A run that was begun must go on alike under another numpy, so these come from the day the rules were written down.
    batch = rows([20], 20, 30, 60, first=5)
    assert torch.nonzero(masked(batch, wordpiece, seed=1).targets[0] != -100).flatten().tolist() == [0, 4, 6]
    source = denoising(rows([40], 40, 30, 300, first=5), sentinelled, seed=1).source[0]
    assert [i for i, token in enumerate(source.tolist()) if token < 30] == [19, 35]


def test_corruption_that_cannot_be(wordpiece, sentinelled, bpe):
    batch = rows([64], 64, 30, 60)
    with pytest.raises(ConfigError, match="a tokenizer with a mask token, got none"):
        masked(batch, bpe, seed=0)
    with pytest.raises(ConfigError, match="expected 4 sentinels, got 0"):
        denoising(batch, bpe, seed=0)
    nothing_to_begin_with = Tokenizer(sentinelled.library)
    with pytest.raises(ConfigError, match="a token that begins a text"):
        denoising(batch, nothing_to_begin_with, seed=0)
    with pytest.raises(ConfigError, match="a mean span of at least 1"):
        denoising(batch, sentinelled, seed=0, mean_span=0.5)
    for fraction in (0.0, 1.0):
        with pytest.raises(ConfigError, match="a fraction between 0 and 1"):
            masked(batch, wordpiece, seed=0, fraction=fraction)
        with pytest.raises(ConfigError, match="a fraction between 0 and 1"):
            denoising(batch, sentinelled, seed=0, fraction=fraction)
