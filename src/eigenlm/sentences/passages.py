"""A file's text in passages that a model reads whole: paragraphs as many as fit, or parts of one that does not."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from eigenlm.text.corpus import holds_rows, read_rows

Count = Callable[[Sequence[str]], list[int]]
"""How many tokens each of some texts has."""

_LETTERS = 4  # of a token, about; a line of more than that for each token of a passage is cut before it is counted
_FULL_STOPS = "\u3002\uff01\uff1f"  # those of Chinese and Japanese, after which there is no space
_PIECES = 256  # whose tokens are counted at once


@dataclass(frozen=True)
class Passage:
    """A part of a file.

    Attributes:
        first: number of its first line, from 1; of its row in a file of rows.
        last: number of its last line.
        text: without white space at its ends.
    """

    first: int
    last: int
    text: str


@dataclass(frozen=True)
class _Piece:
    """What is not cut further unless it must be: a line, or a part of a long one.

    Attributes:
        line: its number.
        text: with the white space that follows it.
        begins: whether a paragraph begins with it.
    """

    line: int
    text: str
    begins: bool


def passages(file: Path, count: Count, most: int) -> Iterator[Passage]:
    """The passages of a file, of at most `most` tokens each; white space between them belongs to none.

    Whole paragraphs, which end at an empty line, are packed as many as fit. One that is longer is cut between lines, a
    line that is longer after a sentence, else between words, else anywhere. Rows of jsonl and Parquet are texts of
    their own: no passage has more than one.

    Args:
        file: one that `read_rows` reads, a text file of whatever name.
        count: how many tokens each of some texts has.
        most: tokens of a passage.

    Raises:
        DataError: the file cannot be read.
    """
    apart = holds_rows(file)
    held: list[tuple[_Piece, int]] = []
    paragraph = size = 0  # where in `held` the last paragraph begins, and how many tokens are held
    for piece, tokens in _counted(_pieces(file, _LETTERS * most), count, most):
        if piece.begins:
            paragraph = len(held)
        while held and (size + tokens > most or (apart and piece.begins)):
            end = paragraph or len(held)
            yield _joined([one for one, _ in held[:end]])
            held, paragraph = held[end:], 0
            size = sum(n for _, n in held)
        held.append((piece, tokens))
        size += tokens
    if held:
        yield _joined([one for one, _ in held])


def _pieces(file: Path, longest: int) -> Iterator[_Piece]:
    """The lines of a file that are not empty, long ones in parts."""
    begins = True
    for number, line in enumerate(read_rows(file), start=1):
        if not line.strip():
            begins = True
            continue
        for part in _parts(line + "\n", longest):
            yield _Piece(number, part, begins)
            begins = False
        begins = holds_rows(file)


def _counted(pieces: Iterable[_Piece], count: Count, most: int) -> Iterator[tuple[_Piece, int]]:
    """Pieces with their tokens; those that have too many are halved until they fit."""
    pieces = iter(pieces)
    while some := list(islice(pieces, _PIECES)):
        for piece, tokens in zip(some, count([piece.text for piece in some])):
            if tokens <= most or len(piece.text) < 2:
                yield piece, tokens
            else:
                halves = _parts(piece.text, (len(piece.text) + 1) // 2)
                begins = (piece.begins, *(False for _ in halves[1:]))
                yield from _counted((_Piece(piece.line, *half) for half in zip(halves, begins)), count, most)


def _parts(text: str, longest: int) -> list[str]:
    """A text in parts of so many characters at most, which end after a sentence, else a word, else anywhere.

    >>> _parts("One two. Three four five", 12)
    ['One two. ', 'Three four ', 'five']
    """
    if len(text) <= longest:
        return [text]
    upto, before = f".{{1,{longest}}}", f".{{0,{longest - 1}}}"
    return re.findall(rf"{upto}\Z|{before}(?:(?<=[.!?])\s|[{_FULL_STOPS}])|{before}\s|{upto}", text, re.DOTALL)


def _joined(pieces: Sequence[_Piece]) -> Passage:
    text = "".join("\n" * (piece.begins and i > 0) + piece.text for i, piece in enumerate(pieces))
    return Passage(pieces[0].line, pieces[-1].line, text.strip())
