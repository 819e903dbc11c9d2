"""A long text in pieces whose tokens, joined, are those of the whole."""

from collections.abc import Iterable, Iterator

from eigenlm.machine.memory import check_memory
from eigenlm.text.tokenizer import Tokenizer

_PIECE = 1 << 16  # characters: many enough for the cost of a piece, few enough to keep every core busy
_AROUND = 256  # characters on each side of a border that are looked at
_TRIES = 64  # line starts that are no border before the rest of the text is left whole
_FEW = 1 << 22  # characters that are encoded at once without asking
_TIMES = 400  # bytes that the library takes to encode a character


def pieces(text: str, tokenizer: Tokenizer) -> list[str]:
    """The text cut at line starts, as often as that changes no token, so that the pieces can be encoded side by side.

    A tokenizer that first cuts text into words or the like works on each of them alone. A line start is taken as a
    border where the text around it has the same tokens cut and whole; a tokenizer that marks the beginning of a text,
    or that has no pre-tokenizer, gets its text in one piece.

    Args:
        text: a document.
        tokenizer: that will encode the pieces, without markers.
    """
    return list(pieces_of([text], tokenizer)) or [text]


def pieces_of(chunks: Iterable[str], tokenizer: Tokenizer, *, control: bool = False) -> Iterator[str]:
    """`pieces` of a text that comes in chunks; no more of it is held than lies between two borders and one chunk.

    Args:
        chunks: the text, when joined.
        tokenizer: that will encode the pieces, without markers.
        control: whether it will read control tokens in them.

    Raises:
        ConfigError: there is not the memory to encode a long text that cannot be cut.
    """
    held, wanted, cuts, asked = "", _PIECE, tokenizer.library.pre_tokenizer is not None, _FEW
    for chunk in chunks:
        held += chunk
        if cuts and len(held) >= wanted:
            start = 0
            while border := _next_border(held, start, tokenizer, control):
                yield held[start:border]
                start = border
            cuts = border is None
            held = held[start:]
            wanted = max(2 * len(held), _PIECE)
        if len(held) > asked:
            _check_room(held)
            asked = len(held) + _FEW
    if len(held) > _FEW:
        _check_room(held)
    if held:
        yield held


def _check_room(text: str) -> None:
    """Refuse a text that would not fit as it is encoded in one piece."""
    what = f"encoding {len(text):,} characters that cannot be cut at a line"
    check_memory(_TIMES * len(text), None, what, "put the text on lines, or give less of it at once")


def _next_border(text: str, start: int, tokenizer: Tokenizer, control: bool) -> int | None:
    """The next place to cut; None if more of the text must be seen, 0 if there is none."""
    border = start + _PIECE
    for _ in range(_TRIES):
        border = text.find("\n", border) + 1
        if border == 0 or border + _AROUND > len(text):
            return None
        before, after = text[max(border - _AROUND, start) : border], text[border : border + _AROUND]
        if not after.strip() or not before.strip():
            continue  # white space that reaches beyond the view
        whole, left, right = tokenizer.encode_batch([before + after, before, after], control=control)
        if whole == left + right:
            return border
    return 0
