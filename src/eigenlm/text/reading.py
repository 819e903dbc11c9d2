"""A text of any length as tokens: read in chunks, encoded in pieces, never all of it in memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from eigenlm.text.corpus import chunks, is_plain_text
from eigenlm.text.pieces import pieces_of
from eigenlm.text.tokenizer import Tokenizer

Text = str | Path | Iterable[str]
"""A text; the path of a file or folder; or documents, which are read as one text with blank lines between."""

_CHUNK = 1 << 20  # characters
# What is encoded side by side: characters, of which the library takes some 400 bytes for each, and texts.
_AT_ONCE, _MOST = 1 << 18, 1 << 12


class ReadText:
    """The tokens of a text, as they are asked for, and a count of what has been read.

    Args:
        text: what is read.
        tokenizer: encodes it.
        control: control tokens that the text spells are control tokens.
    """

    def __init__(self, text: Text, tokenizer: Tokenizer, *, control: bool = False) -> None:
        self.num_bytes, self.num_tokens = 0, 0
        self._text, self._tokenizer, self._control = text, tokenizer, control

    def __iter__(self) -> Iterator[int]:
        """The tokens, those of the whole text."""
        found = pieces_of(self._counted(), self._tokenizer, control=self._control)
        for some in side_by_side(found):
            for ids in self._tokenizer.encode_batch(some, control=self._control):
                self.num_tokens += len(ids)
                yield from ids

    def expected_tokens(self) -> int | None:
        """How many tokens there will be, as far as is known; of documents, None."""
        if isinstance(self._text, str):
            size = len(self._text.encode())
        elif isinstance(self._text, Path) and is_plain_text(self._text):
            size = self._text.stat().st_size
        else:
            return None
        return round(self.num_tokens * size / max(self.num_bytes, 1))

    def _counted(self) -> Iterator[str]:
        for chunk in _chunks(self._text):
            self.num_bytes += len(chunk.encode())
            yield chunk


def side_by_side(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in groups that are encoded at once, each of some characters and texts, or of one long text."""
    some: list[str] = []
    size = 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= _AT_ONCE or len(some) == _MOST:
            yield some
            some, size = [], 0
    if some:
        yield some


def _chunks(text: Text) -> Iterator[str]:
    """A text in parts that are the text when joined."""
    if isinstance(text, str):
        yield from (text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK))
    elif isinstance(text, Path):
        yield from chunks(text, _CHUNK)
    else:
        for i, document in enumerate(text):
            yield from ("\n\n" if i else "", document)
