"""A text in the windows that it is scored in, read as they are asked for, and a count of what they hold."""

from collections.abc import Iterator

from eigenlm.text import Tokenizer, scored_windows
from eigenlm.text.reading import ReadText, Text
from eigenlm.text.windows import ScoredWindow


class ScoredText:
    """The windows of a text; when all have been taken, its counts are those of the whole.

    Args:
        text: what is scored.
        tokenizer: of the model that scores it.
        window: the most tokens in a window.
        stride: tokens from the start of one window to the next.
        control: control tokens that the text spells are control tokens.

    Attributes:
        counts: scored tokens of each window.
        num_read: tokens of all windows.
    """

    def __init__(self, text: Text, tokenizer: Tokenizer, window: int, stride: int, *, control: bool = False) -> None:
        self.window, self.stride = window, stride
        self.counts: list[int] = []
        self.num_read = self._left_out = 0
        self._read, self._tokenizer = ReadText(text, tokenizer, control=control), tokenizer

    def __iter__(self) -> Iterator[ScoredWindow]:
        done = 0
        for scored in scored_windows(self._read, self.window, self.stride):
            self.counts.append(scored.num_scored)
            self.num_read += len(scored.ids)
            self._left_out += sum(map(self._bytes, scored.ids[max(done - scored.start, 0) : -scored.num_scored]))
            done = scored.start + len(scored.ids)
            yield scored

    @property
    def num_bytes(self) -> int:
        """The text's bytes without those of tokens that no window scores; an unknown one of them counts as one byte."""
        return max(self._read.num_bytes - self._left_out, 1)

    def expected(self) -> int | None:
        """How many windows there will be, as far as is known."""
        tokens = self._read.expected_tokens()
        return None if tokens is None else -(-tokens // self.stride)

    def _bytes(self, token: int) -> int:
        return 1 if token == self._tokenizer.unknown else len(self._tokenizer.token_bytes(token))
