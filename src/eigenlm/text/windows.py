"""Documents to rows of token ids of one length, and one long sequence to the windows it is scored in."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.text.tokenizer import Tokenizer

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
    stride = _checked(window, stride, longest=None)
    end = document_end(tokenizer)
    ids = [i for document in documents for i in (*tokenizer.encode(document), *end)]
    if len(ids) < window:
        do = "give a longer text"
        raise DataError(explain("cutting text into windows", expected=f"at least {window} tokens", got=len(ids), do=do))
    return torch.tensor(ids, dtype=torch.int64).unfold(0, window, stride).contiguous()


def spread(windows: Int64[Tensor, "B T"], count: int) -> Int64[Tensor, "C T"]:
    """At most `count` of the windows, spread evenly over them; the first and the last are among them."""
    return windows[torch.linspace(0, len(windows) - 1, min(len(windows), count)).long()]


def scored_windows(ids: Sequence[int], window: int, stride: int | None = None) -> Iterator[ScoredWindow]:
    """Windows over one sequence, the last one shorter, in which every token is scored once.

    With `stride = window` (the default) windows do not overlap and the first token of each has no context, so it is
    not scored. With a smaller stride only the last `stride` tokens of a window are scored (the first window: all but
    its first token), each with at least `window - stride` tokens before it.

    Args:
        ids: the token sequence.
        window: the most tokens in a window.
        stride: tokens from the start of one window to the next.

    Raises:
        ConfigError: a window below 2, or a stride that is not in 1..window.
        DataError: fewer than two tokens.
    """
    stride = _checked(window, stride, longest=window)
    if window < 2 or len(ids) < 2:
        kind, got = (ConfigError, window) if window < 2 else (DataError, len(ids))
        raise kind(explain("scoring text in windows", expected="at least 2 tokens", got=got))
    done = 0
    for start in range(0, len(ids), stride):
        end = min(start + window, len(ids))
        num_scored = end - max(done, start + 1)
        if num_scored > 0:
            yield ScoredWindow(start, ids[start:end], num_scored)
        done = end
        if end == len(ids):
            return


def document_end(tokenizer: Tokenizer) -> list[int]:
    """The tokens that stand after each document: the end token, or a blank line where the tokenizer has none."""
    return tokenizer.encode(_BETWEEN) if tokenizer.eos is None else [tokenizer.eos]


def _checked(window: int, stride: int | None, longest: int | None) -> int:
    stride = window if stride is None else stride
    if window < 1 or stride < 1 or (longest is not None and stride > longest):
        bound = "at least 1" if longest is None else f"from 1 to {longest}"
        got = f"window {window}, stride {stride}"
        raise ConfigError(
            explain("cutting text into windows", expected=f"a window above 0 and a stride {bound}", got=got)
        )
    return stride
