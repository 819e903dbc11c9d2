"""Every token is predicted once an epoch, and a sample is the same whoever asks for it."""

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenlm.errors import ConfigError, DataError
from eigenlm.text.batches import Batch, Batches, validation_rows
from eigenlm.text.token_stream import TokenFile, TokenStream

LENGTHS = st.lists(st.integers(1, 7), min_size=1, max_size=6).filter(lambda lengths: sum(lengths) > 1)


@pytest.fixture(scope="module")
def make_stream(tmp_path_factory):
    """Streams of documents of given lengths; token i is 100 + i, and a file holds five."""
    folder = tmp_path_factory.mktemp("streams")

    def make(lengths: list[int]) -> TokenStream:
        tokens = np.arange(100, 100 + sum(lengths), dtype="<u2")
        files = []
        for i in range(0, len(tokens), 5):
            path = folder / f"{len(tokens)}-{i}.bin"
            tokens[i : i + 5].tofile(path)
            files.append(TokenFile(path, len(tokens[i : i + 5])))
        return TokenStream(files, "uint16", np.cumsum([0, *lengths]), num_bytes=len(tokens))

    return make


def equal(a: Batch, b: Batch) -> bool:
    return all(torch.equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(Batch))


def joined(*batches: Batch) -> Batch:
    return Batch(*(torch.cat([getattr(batch, field.name) for batch in batches]) for field in fields(Batch)))


@settings(max_examples=60)
@given(lengths=LENGTHS, context=st.integers(1, 12), seed=st.integers(0, 5))
def test_every_token_but_the_first_is_predicted_once_an_epoch(make_stream, lengths, context, seed):
    stream = make_stream(lengths)
    batches = Batches(stream, context, 1, seed)
    n = batches.num_samples
    assert n == -(-(stream.num_tokens - 1) // context)
    for epoch in range(3):
        batch = batches.rows(epoch * n, n)
        asked = batch.targets != -100
        assert sorted(batch.targets[asked].tolist()) == list(range(101, 100 + stream.num_tokens))
        assert torch.equal(batch.targets[asked], batch.ids[asked] + 1)  # the next token, everywhere
        assert batch.samples.tolist() == list(range(epoch * n, epoch * n + n))
        # Padding is at the end of one row at most.
        assert torch.equal(asked, batch.positions >= 0)
        assert torch.equal(asked, batch.documents >= 0)
        assert int((~asked).any(dim=1).sum()) <= 1
        assert bool((asked.int().diff(dim=1) <= 0).all())


@settings(max_examples=60)
@given(lengths=LENGTHS, context=st.integers(1, 12), seed=st.integers(0, 5))
def test_documents_and_positions_are_those_of_a_naive_walk(make_stream, lengths, context, seed):
    stream = make_stream(lengths)
    of_token = [d for d, length in enumerate(lengths) for _ in range(length)]
    batch = Batches(stream, context, 1, seed).rows(0, 8)
    for row in range(8):
        position = lap = 0
        before = None
        for t in range(context):
            if batch.positions[row, t] == -1:
                continue
            token = int(batch.ids[row, t]) - 100
            lap += before is not None and token < before
            document = of_token[token] + lap * len(lengths)
            position = position + 1 if t and document == batch.documents[row, t - 1] else 0
            assert batch.documents[row, t] == document
            assert batch.positions[row, t] == position
            before = token


@pytest.mark.parametrize("cuts", [(0, 4, 8), (0, 2, 4, 6, 8), (0, 1, 3, 8), tuple(range(9))])
def test_ranks_and_micro_batches_share_the_same_samples(make_stream, cuts):
    batches = Batches(make_stream([9, 4, 30, 2]), 7, 8, seed=1)
    for step in (0, 1, 5, 1000):  # an epoch has 7 samples, so steps run over its end
        parts = [batches.rows(step * 8 + a, b - a) for a, b in pairwise(cuts)]
        assert equal(joined(*parts), batches.batch(step))


def test_each_epoch_and_seed_is_cut_and_ordered_anew(make_stream):
    stream = make_stream([200])
    epochs = [Batches(stream, 10, 20, seed).batch(epoch).ids for seed in (0, 1) for epoch in range(3)]
    starts = [set((ids[:, 0] % 10).tolist()) for ids in epochs]
    assert len({frozenset(start) for start in starts}) > 3
    assert not any(torch.equal(a, b) for i, a in enumerate(epochs) for b in epochs[:i])


def test_a_far_step_is_reached_at_once(make_stream):
    batches = Batches(make_stream([50, 50]), 10, 4, seed=0)
    far = batches.batch(10**12)
    assert far.samples.tolist() == [4 * 10**12 + i for i in range(4)]
    assert torch.equal(far.targets >= 100, far.positions >= 0)


def test_a_stream_shorter_than_a_row_is_padded(make_stream):
    batch = Batches(make_stream([3]), 6, 1, seed=0).batch(0)
    assert sorted(batch.targets[0, :2].tolist()) == [101, 102]
    assert batch.targets[0, 2:].tolist() == [-100] * 4
    assert batch.ids[0, 2:].tolist() == [0] * 4


@settings(max_examples=60)
@given(lengths=LENGTHS, context=st.integers(1, 12), batch_size=st.integers(1, 4))
def test_validation_goes_through_the_stream_in_order(make_stream, lengths, context, batch_size):
    stream = make_stream(lengths)
    batch = joined(*validation_rows(stream, context, batch_size))
    asked = batch.targets != -100
    assert batch.targets[asked].tolist() == list(range(101, 100 + stream.num_tokens))
    assert batch.ids[asked].tolist() == list(range(100, 99 + stream.num_tokens))


def test_validation_can_stop_early(make_stream):
    stream = make_stream([100])
    assert [len(batch.ids) for batch in validation_rows(stream, 10, 2, max_tokens=41)] == [2, 2, 1]
    assert sum(len(batch.ids) for batch in validation_rows(stream, 10, 2, max_tokens=10**9)) == 10


def test_batches_that_cannot_be(make_stream):
    stream = make_stream([5])
    with pytest.raises(DataError, match="at least 2 tokens, got 1"):
        Batches(make_stream([1]), 4, 1, 0)
    with pytest.raises(DataError, match="at least 2 tokens, got 1"):
        list(validation_rows(make_stream([1]), 4))
    with pytest.raises(ConfigError, match="context 0, batch_size 1"):
        Batches(stream, 0, 1, 0)
    with pytest.raises(ConfigError, match="context 4, batch_size 0"):
        list(validation_rows(stream, 4, 0))
    with pytest.raises(ConfigError, match="max_tokens of at least 1"):
        list(validation_rows(stream, 4, max_tokens=0))
    for first, count in ((-1, 1), (0, 0)):
        with pytest.raises(ConfigError, match="at least 1, from 0 on"):
            Batches(stream, 4, 1, 0).rows(first, count)
