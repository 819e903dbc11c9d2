"""Texts with parts hidden, as pure functions of (seed, sample): what BERT and T5 are trained on."""

import hashlib
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.text.batches import IGNORED, Batch
from eigenlm.text.tokenizer import Tokenizer


def masked(batch: Batch, tokenizer: Tokenizer, *, seed: int, fraction: float = 0.15) -> Batch:
    """Hide some tokens and ask for them alone.

    Of the n tokens of a row that are neither padding nor control tokens, max(1, round(fraction n)) are chosen; each
    becomes the mask token with probability 0.8 and a random token that is no control token with 0.1, and stays with
    0.1. Targets are the chosen tokens, -100 elsewhere.

    Source: arXiv:1810.04805, section 3.1 and appendix A.1.

    Args:
        batch: rows; their random numbers come from (seed, sample), so it does not matter who holds which rows.
        tokenizer: with a mask token.
        seed: of the run.
        fraction: of tokens chosen.

    Raises:
        ConfigError: the tokenizer has no mask token, or the fraction is outside (0, 1).
    """
    _check_fraction(fraction)
    mask = tokenizer.id(tokenizer.roles.get("mask_token", ""))
    if mask is None:
        do = "train one of kind 'wordpiece'"
        raise ConfigError(explain("masking", expected="a tokenizer with a mask token", got="none", do=do))
    control = np.array(sorted(tokenizer.control_tokens.values()))
    ids, targets = batch.ids.clone(), torch.full_like(batch.ids, IGNORED)
    for row, sample in enumerate(batch.samples.tolist()):
        rng = _random("masked", seed, sample)
        old = batch.ids[row].numpy()
        candidates = np.flatnonzero(~np.isin(old, control) & (batch.positions[row].numpy() >= 0))
        chosen = candidates[_drawn(max(1, round(fraction * len(candidates))), len(candidates), rng)]
        fate = rng.random(len(chosen))
        words = (rng.random(len(chosen)) * (tokenizer.vocab_size - len(control))).astype(np.int64)
        words += np.searchsorted(control - np.arange(len(control)), words, side="right")  # leaps over control tokens
        new = np.where(fate < 0.8, mask, np.where(fate < 0.9, words, old[chosen]))
        ids[row, chosen], targets[row, chosen] = torch.from_numpy(new), torch.from_numpy(old[chosen])
    return replace(batch, ids=ids, targets=targets)


@dataclass(frozen=True)
class Denoising:
    """Texts with spans missing, for an encoder-decoder.

    Attributes:
        source: (B, S) what is left of each text, a sentinel in place of each span; padding is 0.
        source_positions: (B, S) 0, 1, 2, ..., -1 for padding.
        ids: (B, T) the decoder's input: a start token, then the targets but the last; padding is 0.
        targets: (B, T) each sentinel and the span it stands for, then one more sentinel; -100 for padding.
        positions: (B, T) 0, 1, 2, ..., -1 for padding.
    """

    source: Int64[Tensor, "B S"]
    source_positions: Int64[Tensor, "B S"]
    ids: Int64[Tensor, "B T"]
    targets: Int64[Tensor, "B T"]
    positions: Int64[Tensor, "B T"]


def denoising(
    batch: Batch, tokenizer: Tokenizer, *, seed: int, fraction: float = 0.15, mean_span: float = 3.0
) -> Denoising:
    """Drop random spans of each text and ask for them.

    Of n tokens, round(fraction n) are dropped in round(fraction n / mean_span) spans, between as many stretches that
    are kept, the first of which begins the text. All ways to cut so many tokens into so many spans are equally likely.

    Source: arXiv:1910.10683, section 3.1.4 and figure 2; `random_spans_noise_mask` of its code.

    Args:
        batch: rows, of which targets are not used; random numbers come from (seed, sample).
        tokenizer: with the control tokens `sentinel_tokens(num_sentinels(T, ...))`, and one that begins a text.
        seed: of the run.
        fraction: of tokens dropped.
        mean_span: tokens in a span, on average.

    Raises:
        ConfigError: the tokenizer has too few sentinels or nothing to begin with, or a fraction or span length makes
            no sense.
    """
    _check_fraction(fraction)
    if mean_span < 1:
        raise ConfigError(explain("span corruption", expected="a mean span of at least 1", got=mean_span))
    T = batch.ids.shape[1]
    num_dropped, num_spans = _numbers(T, fraction, mean_span)
    sentinels = _sentinels(tokenizer, num_spans + 1)
    start = start_token(tokenizer)
    widths = (T - num_dropped + num_spans, num_dropped + num_spans + 1)
    rows = []
    for row, sample in enumerate(batch.samples.tolist()):
        tokens = batch.ids[row][batch.positions[row] >= 0].numpy()
        dropped = _span_mask(len(tokens), fraction, mean_span, _random("denoising", seed, sample))
        rows.append(_denoising_row(*_told_apart(tokens, dropped, sentinels), start, widths))
    return Denoising(*(torch.cat([getattr(row, f.name) for row in rows]) for f in fields(Denoising)))


def start_token(tokenizer: Tokenizer) -> int:
    """What the decoder reads before its answer.

    Raises:
        ConfigError: the tokenizer has nothing to begin with.
    """
    start = next((i for i in (tokenizer.bos, tokenizer.pad, tokenizer.eos) if i is not None), None)
    if start is None:
        raise ConfigError(explain("span corruption", expected="a token that begins a text", got="none"))
    return start


def num_sentinels(length: int, *, fraction: float = 0.15, mean_span: float = 3.0) -> int:
    """How many sentinels `denoising` needs for texts of `length` tokens."""
    return _numbers(length, fraction, mean_span)[1] + 1


def sentinel_tokens(count: int) -> tuple[str, ...]:
    """T5's names of sentinels, for the control tokens of a tokenizer.

    >>> sentinel_tokens(2)
    ('<extra_id_0>', '<extra_id_1>')
    """
    return tuple(f"<extra_id_{i}>" for i in range(count))


def _numbers(n: int, fraction: float, mean_span: float) -> tuple[int, int]:
    """Tokens dropped and spans they are in, for a text of n tokens."""
    dropped = min(max(round(fraction * n), 1), n - 1)
    return dropped, min(max(round(dropped / mean_span), 1), dropped, n - dropped)


def _span_mask(n: int, fraction: float, mean_span: float, rng: np.random.Generator) -> Bool[np.ndarray, " n"]:
    """True where a token is dropped."""
    dropped, spans = _numbers(n, fraction, mean_span)
    lengths = np.stack([_cut(n - dropped, spans, rng), _cut(dropped, spans, rng)], axis=1) if spans else np.array([n])
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths.flatten())


def _cut(n: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths of n things cut into so many parts, none empty, all ways equally likely."""
    cuts = np.sort(_drawn(parts - 1, n - 1, rng)) + 1
    return np.diff(cuts, prepend=0, append=n)


def _drawn(count: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """So many of 0 .. n - 1, or all, each set equally likely."""
    return rng.random(n).argsort(kind="stable")[:count]


def _told_apart(tokens: np.ndarray, dropped: np.ndarray, sentinels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of a text, and what is asked for."""
    begins = dropped & ~np.concatenate([[False], dropped[:-1]])
    spans = int(begins.sum())
    source = np.where(begins, sentinels[np.cumsum(begins) - 1], tokens)[~dropped | begins]
    asked = np.insert(tokens[dropped], np.flatnonzero(begins[dropped]), sentinels[:spans])
    return source, np.append(asked, sentinels[spans])


def _denoising_row(source: np.ndarray, target: np.ndarray, start: int, widths: tuple[int, int]) -> Denoising:
    S, T = widths
    return Denoising(
        source=_padded(source, S, 0),
        source_positions=_padded(np.arange(len(source)), S, -1),
        ids=_padded(np.append(start, target[:-1]), T, 0),
        targets=_padded(target, T, IGNORED),
        positions=_padded(np.arange(len(target)), T, -1),
    )


def _padded(values: np.ndarray, width: int, filler: int) -> Tensor:
    row = torch.full((1, width), filler)
    row[0, : len(values)] = torch.from_numpy(values)
    return row


def _sentinels(tokenizer: Tokenizer, count: int) -> Int64[np.ndarray, " n"]:
    found = [i for token in sentinel_tokens(count) if (i := tokenizer.id(token)) is not None]
    if len(found) < count:
        do = "train one with corruption.sentinel_tokens(...) among its control tokens"
        raise ConfigError(explain("span corruption", expected=f"{count} sentinels", got=len(found), do=do))
    return np.array(found)


def _random(purpose: str, seed: int, sample: int) -> np.random.Generator:
    """Numbers of its own for each sample; only `random()` is drawn, which numpy hardly ever changes."""
    digest = hashlib.blake2b(f"{purpose} {seed} {sample}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ConfigError(explain("hiding tokens", expected="a fraction between 0 and 1", got=fraction))
