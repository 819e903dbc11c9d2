"""A token stream to training batches, where one integer says which."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.text.order import Permutation, epoch_offset
from eigenlm.text.token_stream import TokenStream

IGNORED = -100  # the target of a place that is not predicted, as in torch's cross-entropy


@dataclass(frozen=True)
class Batch:
    """Rows of tokens and what is to be predicted at each.

    Attributes:
        samples: (B,) the index of each row in the run.
        ids: (B, T) tokens; those of padding are 0.
        targets: (B, T) the token to predict at each place, -100 for none.
        documents: (B, T) which document each token belongs to, -1 for padding. Tokens see each other across no border
            where these are equal. What follows the end of the stream, which is its beginning, counts on from
            `num_documents`.
        positions: (B, T) places from the beginning of the document, or of the row if that is later; -1 for padding.
    """

    samples: Int64[Tensor, " B"]
    ids: Int64[Tensor, "B T"]
    targets: Int64[Tensor, "B T"]
    documents: Int64[Tensor, "B T"]
    positions: Int64[Tensor, "B T"]


@dataclass(frozen=True)
class Batches:
    """The batches of a run: sample k is a pure function of (stream, context, seed, k).

    A stream of n tokens has m = n - 1 places with a next token, thought of as a circle. Epoch e begins at a place of
    its own and cuts the circle into ceil(m / T) rows of T; the last is shorter and padded. The rows come in the order
    of `Permutation`. So in each epoch every token but the stream's first is predicted exactly once, every token is
    used, and texts are cut elsewhere in each epoch. Sample k is row k mod ceil(m / T) of epoch k // ceil(m / T).

    Nothing is remembered: a run goes on at step s with `batch(s)`, and ranks or micro-batches take their share of
    `rows(s * batch_size, batch_size)`, the same samples however they are cut.

    Attributes:
        stream: the tokens.
        context: T, tokens in a row.
        batch_size: rows in a step, over all ranks and micro-batches.
        seed: of the order.

    Raises:
        ConfigError: a context or batch size below 1.
        DataError: a stream of fewer than two tokens.
    """

    stream: TokenStream
    context: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse what makes no batch."""
        _check(self.stream, self.context, self.batch_size)

    @property
    def num_samples(self) -> int:
        """Rows in an epoch."""
        return _num_rows(self.stream, self.context)

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        return self.rows(step * self.batch_size, self.batch_size)

    def rows(self, first: int, count: int) -> Batch:
        """The samples first .. first + count - 1 of the run.

        Raises:
            ConfigError: `first` below 0 or `count` below 1.
        """
        if first < 0 or count < 1:
            got = f"{count} from {first}"
            raise ConfigError(explain("taking samples", expected="at least 1, from 0 on", got=got))
        return _stacked([self._sample(k) for k in range(first, first + count)])

    def _sample(self, k: int) -> Batch:
        epoch, i = divmod(k, self.num_samples)
        row = int(Permutation(self.num_samples, self.seed, epoch)(np.array(i)))
        offset = epoch_offset(self.stream.num_tokens - 1, seed=self.seed, epoch=epoch)
        return _row(self.stream, self.context, row, offset, sample=k)


def validation_rows(
    stream: TokenStream, context: int, batch_size: int = 8, max_tokens: int | None = None
) -> Iterator[Batch]:
    """The rows of a stream in order, from its beginning, each token but the first predicted once.

    Args:
        stream: the tokens.
        context: T, tokens in a row.
        batch_size: rows in a batch; the last may have fewer.
        max_tokens: stop after so many predicted tokens, rounded up to a row; None goes to the end.

    Raises:
        ConfigError: a context, batch size or number of tokens below 1.
        DataError: a stream of fewer than two tokens.
    """
    _check(stream, context, batch_size)
    if max_tokens is not None and max_tokens < 1:
        raise ConfigError(explain("reading validation rows", expected="max_tokens of at least 1", got=max_tokens))
    num_rows = _num_rows(stream, context)
    if max_tokens is not None:
        num_rows = min(num_rows, -(-max_tokens // context))
    for first in range(0, num_rows, batch_size):
        end = min(first + batch_size, num_rows)
        yield _stacked([_row(stream, context, row, 0, sample=row) for row in range(first, end)])


def _row(stream: TokenStream, T: int, row: int, offset: int, sample: int) -> Batch:
    """Row `row` of the circle cut from `offset` on; it meets the end of the stream at most once."""
    m = stream.num_tokens - 1
    size = min(T, m - row * T)
    start = (offset + row * T) % m
    before = min(size, m - start)
    ids, targets, documents, positions = (torch.full((T,), filler) for filler in (0, IGNORED, -1, -1))
    for place, begin, count, lap in ((0, start, before, 0), (before, 0, size - before, 1)):
        if count:
            here = slice(place, place + count)
            tokens, document = stream.read(begin, count + 1), stream.documents_at(begin, count)
            ids[here], targets[here] = tokens[:-1], tokens[1:]
            documents[here] = document + lap * stream.num_documents
            beginning = torch.from_numpy(stream.document_offsets[document.numpy()]).clamp(min=begin)
            positions[here] = torch.arange(begin, begin + count) - beginning
    return Batch(torch.tensor([sample]), *(part[None] for part in (ids, targets, documents, positions)))


def _stacked(rows: list[Batch]) -> Batch:
    return Batch(*(torch.cat([getattr(row, field.name) for row in rows]) for field in fields(Batch)))


def _num_rows(stream: TokenStream, T: int) -> int:
    return -(-(stream.num_tokens - 1) // T)


def _check(stream: TokenStream, context: int, batch_size: int) -> None:
    if context < 1 or batch_size < 1:
        got = f"context {context}, batch_size {batch_size}"
        raise ConfigError(explain("making batches", expected="a context and a batch size of at least 1", got=got))
    if stream.num_tokens < 2:
        raise DataError(explain("making batches", expected="at least 2 tokens", got=stream.num_tokens))
