"""Which documents are learned from and which are kept apart."""

import hashlib
from collections.abc import Iterable, Iterator

from eigenlm.errors import ConfigError, DataError, explain


def split_documents(documents: Iterable[str], fraction: float, seed: int = 0) -> tuple[list[str], list[str]]:
    """Two disjoint lists of documents; the first has about `fraction` of them.

    Where a document goes depends on its text and the seed alone, so equal texts stay together and adding documents
    moves none.

    Raises:
        ConfigError: a fraction outside (0, 1).
    """
    _check(fraction)
    first: list[str] = []
    second: list[str] = []
    for document in documents:
        (first if _place(document, seed) < fraction else second).append(document)
    return first, second


def assigned_documents(documents: Iterable[str], fraction: float, seed: int = 0) -> Iterator[tuple[str, bool]]:
    """Each document with whether it is kept apart for validation; neither side stays empty.

    The rule is that of `split_documents`. Where it leaves one side empty, the text whose hash is nearest to the border
    changes sides, with all its copies; it alone is held back meanwhile, so the documents may be more than memory
    holds. Where there is but one text, its end is cut off instead, by `cut_off`.

    Args:
        documents: read once, in order.
        fraction: about how much of the documents, or of the characters of a lone one, is kept apart.
        seed: another seed, another split.

    Raises:
        ConfigError: a fraction outside (0, 1).
        DataError: there is no document, or a lone one is too short to be cut.
    """
    _check(fraction)
    rest = iter(documents)
    held: list[str] = []
    nearest, apart, alone = 1.0, False, True
    for document in rest:
        place = _place(document, seed)
        if held and (place < fraction) != apart:  # both sides have something: nothing need be held any more
            yield from ((copy, apart) for copy in held)
            yield document, not apart
            yield from ((other, _place(other, seed) < fraction) for other in rest)
            return
        apart = place < fraction
        if held and document == held[0]:
            held.append(document)
            continue
        alone = not held
        if abs(place - fraction) < nearest:
            yield from ((copy, apart) for copy in held)
            held, nearest = [document], abs(place - fraction)
        else:
            yield document, apart
    if alone:
        yield from _lone(held, fraction)
    else:
        yield from ((copy, not apart) for copy in held)


def cut_off(text: str, fraction: float) -> tuple[str, str]:
    r"""A text in two, the second with about `fraction` of the characters; joined they are the text again.

    The second part begins at the last line start that leaves it at least `fraction` and at most twice that, or else
    at the character that `fraction` says.

    >>> cut_off("one\ntwo\nthree\nfour\n", 0.3)
    ('one\ntwo\n', 'three\nfour\n')

    Raises:
        DataError: fewer than two characters.
    """
    if len(text) < 2:
        raise DataError(explain("splitting a lone document", expected="at least 2 characters", got=len(text)))
    size = min(max(round(len(text) * fraction), 1), len(text) - 1)
    border = len(text) - size
    line = text.rfind("\n", max(border - size, 0), border) + 1
    border = line or border
    return text[:border], text[border:]


def _lone(copies: list[str], fraction: float) -> Iterator[tuple[str, bool]]:
    if not copies:
        raise DataError(explain("splitting documents", expected="some text", got="none"))
    first, second = cut_off(copies[0], fraction)
    yield from ((part, apart) for _ in copies for part, apart in ((first, False), (second, True)))


def _place(document: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}\n{document}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _check(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ConfigError(explain("splitting documents", expected="a fraction between 0 and 1", got=fraction))
