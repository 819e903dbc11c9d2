"""Documents to rows of token ids of one length, and one long sequence to the windows it is scored in."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice

import torch
from jaxtyping import Int64
from torch import Tensor

from eigenlm.allowed import check_scored, check_windows
from eigenlm.errors import DataError, explain
from eigenlm.text.tokenizer import Tokenizer

_SHORT = 2_000_000  # characters, which are encoded in a second
_LONGEST_TOKEN = 32  # characters a token has at the most, over a window
_BETWEEN = "\n\n"  # for a tokenizer with no end token


@dataclass(frozen=True)
class ScoredWindow:
    """A stretch of a token sequence and how much of it is scored.

    Attributes:
        start: the place of the first token in the sequence.
        ids: the tokens.
        num_scored: how many tokens at the end of `ids` are scored; each has the ones before it as context.
    """

    start: int
    ids: Sequence[int]
    num_scored: int


def token_windows(
    documents: Iterable[str], tokenizer: Tokenizer, window: int, stride: int | None = None
) -> Int64[Tensor, "B T"]:
    """Documents, one after the other with the end token after each, cut into rows; a last row too short is left out.

    Args:
        documents: read only as far as the caller's iterator goes.
        tokenizer: where it has no `eos`, a blank line stands after each document.
        window: tokens in a row.
        stride: tokens from the start of one row to the next; `window` by default.

    Raises:
        ConfigError: a window or stride below 1.
        DataError: less text than one window.
    """
    stride = window if stride is None else stride
    check_windows(window, stride, longest=None)
    end = document_end(tokenizer)
    ids = [i for document in documents for i in (*tokenizer.encode(document), *end)]
    if len(ids) < window:
        do = "give a longer text"
        raise DataError(explain("cutting text into windows", expected=f"at least {window} tokens", got=len(ids), do=do))
    return torch.tensor(ids, dtype=torch.int64).unfold(0, window, stride).contiguous()


def windows_across(documents: Iterable[str], tokenizer: Tokenizer, window: int, count: int) -> Int64[Tensor, "C T"]:
    """At most `count` windows, spread evenly over documents; of a long text, only the stretches they begin are encoded.

    Args:
        documents: read once; of at most two million characters in all, the windows are those of `token_windows`.
        tokenizer: encodes them.
        window: tokens in a window.
        count: of windows.

    Raises:
        ConfigError: a window below 1.
        DataError: less text than one window.
    """
    check_windows(window, window, longest=None)
    beginning: list[str] = []
    rest, size = iter(documents), 0
    while size <= _SHORT:
        if (document := next(rest, None)) is None:
            return spread(token_windows(beginning, tokenizer, window), count)
        beginning.append(document)
        size += len(document)
    rows = []
    for stretch in evenly_spread(chain(beginning, rest), 2 * count, _LONGEST_TOKEN * window):
        with suppress(DataError):  # one that hardly holds a word, or the text's end
            rows.append(token_windows(stretch, tokenizer, window)[0])
    if not rows:
        raise DataError(explain("cutting text into windows", expected=f"stretches of {window} tokens", got="none"))
    return spread(torch.stack(rows), count)


def evenly_spread(documents: Iterable[str], most: int, length: int) -> list[list[str]]:
    """Stretches of a text at equal distances, more than half of `most`, each as its parts of documents.

    The text's size is not known beforehand: whenever there are too many, every other one is let go and the distance is
    doubled.

    Args:
        documents: the text, read once.
        most: stretches.
        length: of a stretch, characters; the last may be shorter.
    """
    stretches: list[list[str]] = []
    distance, start, begun = length, 0, 0
    for document in documents:
        if stretches and (lacking := length - sum(map(len, stretches[-1]))) > 0:
            stretches[-1].append(document[:lacking])
        while start < begun + len(document):
            first = _word_start(document, start - begun)
            stretches.append([document[first : first + length]])
            if len(stretches) > most:
                stretches, distance = stretches[::2], 2 * distance
            start = len(stretches) * distance
        begun += len(document)
    return stretches


def _word_start(document: str, place: int) -> int:
    """The next white space, unless a document begins here or no word ends near."""
    found = re.compile(r"\s").search(document, place, place + _LONGEST_TOKEN)
    return place if found is None or place == 0 else found.start()


def spread(windows: Int64[Tensor, "B T"], count: int) -> Int64[Tensor, "C T"]:
    """At most `count` of the windows, spread evenly over them; the first and the last are among them."""
    return windows[torch.linspace(0, len(windows) - 1, min(len(windows), count)).long()]


def scored_windows(ids: Iterable[int], window: int, stride: int | None = None) -> Iterator[ScoredWindow]:
    """Windows over one sequence, the last one shorter, in which every token is scored once.

    With `stride = window` (the default) windows do not overlap and the first token of each has no context, so it is
    not scored. With a smaller stride only the last `stride` tokens of a window are scored (the first window: all but
    its first token), each with at least `window - stride` tokens before it.

    Args:
        ids: the token sequence, read no further than the window that is asked for.
        window: the most tokens in a window.
        stride: tokens from the start of one window to the next.

    Raises:
        ConfigError: a window below 2, or a stride that is not in 1..window.
        DataError: fewer than two tokens.
    """
    check_scored(window, stride)
    stride = window if stride is None else stride
    rest = iter(ids)
    held = list(islice(rest, window + 1))  # one more, which tells whether this window is the last
    if len(held) < 2:
        raise DataError(explain("scoring text in windows", expected="at least 2 tokens", got=len(held)))
    start = done = 0
    while True:
        end = start + min(len(held), window)
        num_scored = end - max(done, start + 1)
        if num_scored > 0:
            yield ScoredWindow(start, held[:window], num_scored)
        if len(held) <= window:
            return
        start, done = start + stride, end
        held = held[stride:]
        held += islice(rest, window + 1 - len(held))


def document_end(tokenizer: Tokenizer) -> list[int]:
    """The tokens that stand after each document: the end token, or a blank line where the tokenizer has none."""
    return tokenizer.encode(_BETWEEN) if tokenizer.eos is None else [tokenizer.eos]


def markers_around(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The tokens that stand before and after a whole text, such as BERT's `[CLS]` and `[SEP]`."""
    around = tokenizer.encode("", add_markers=True)
    return around[: len(around) // 2], around[len(around) // 2 :]
