"""A long text in pieces whose tokens, joined, are those of the whole."""

from eigenlm.text.tokenizer import Tokenizer

_PIECE = 1 << 16  # characters: many enough for the cost of a piece, few enough to keep every core busy
_AROUND = 256  # characters on each side of a border that are looked at
_TRIES = 64  # line starts that are no border before the rest of the text is left whole


def pieces(text: str, tokenizer: Tokenizer) -> list[str]:
    """The text cut at line starts, as often as that changes no token, so that the pieces can be encoded side by side.

    A tokenizer that first cuts text into words or the like works on each of them alone. A line start is taken as a
    border where the text around it has the same tokens cut and whole; a tokenizer that marks the beginning of a text,
    or that has no pre-tokenizer, gets its text in one piece.

    Args:
        text: a document.
        tokenizer: that will encode the pieces, without markers.
    """
    if len(text) <= _PIECE or tokenizer.library.pre_tokenizer is None:
        return [text]
    cuts = [0]
    while (near := _next_border(text, cuts[-1], tokenizer)) is not None:
        cuts.append(near)
    return [text[start:end] for start, end in zip(cuts, [*cuts[1:], len(text)])]


def _next_border(text: str, start: int, tokenizer: Tokenizer) -> int | None:
    border = start + _PIECE
    for _ in range(_TRIES):
        border = text.find("\n", border) + 1
        if border in (0, len(text)):
            return None
        before, after = text[max(border - _AROUND, start) : border], text[border : border + _AROUND]
        if after[0].isspace() or not before.strip():
            continue  # white space that reaches beyond the view
        whole, left, right = tokenizer.encode_batch([before + after, before, after])
        if whole == left + right:
            return border
    return None
