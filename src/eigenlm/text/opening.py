"""The beginning of a text, so many tokens long."""

from collections.abc import Iterable

from eigenlm.text.tokenizer import Tokenizer


def opening(documents: Iterable[str], tokenizer: Tokenizer, num_tokens: int) -> str:
    """The first documents, cut after about `num_tokens` tokens of them."""
    pieces: list[str] = []
    left = num_tokens
    for document in documents:
        if left <= 0:
            break
        ids = tokenizer.encode(document)
        pieces.append(document if len(ids) <= left else tokenizer.decode(ids[:left]))
        left -= len(ids)
    return "\n\n".join(pieces)
