"""Token ids to text while they arrive, never half a character."""

from collections.abc import Callable, Iterable, Iterator, Sequence

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """Text of a growing sequence of token ids.

    The pieces joined are the text of the whole sequence. A piece is held back while it ends in a character whose bytes
    have not all come; the last tokens already given stay in the window, since some vocabularies decode a token
    differently where it begins a text.

    Args:
        decode: the text of a sequence of ids.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._given: list[int] = []
        self._held: list[int] = []

    def push(self, id: int) -> str:
        """Take the next id; give the text that it completes, often none."""
        self._held.append(id)
        text = self._pending()
        if not text or text.endswith(_INCOMPLETE):
            return ""
        self._given, self._held = self._held, []
        return text

    def finish(self) -> str:
        """The text still held back; bytes that make no character become U+FFFD."""
        text = self._pending()
        self._given, self._held = [], []
        return text

    def pieces(self, ids: Iterable[int]) -> Iterator[str]:
        """The non-empty pieces of a stream of ids, to its end."""
        for id in ids:
            if piece := self.push(id):
                yield piece
        if piece := self.finish():
            yield piece

    def _pending(self) -> str:
        return self._decode(self._given + self._held)[len(self._decode(self._given)) :]
