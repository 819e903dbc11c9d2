"""An answer on standard output, as it comes: broken between words at a terminal, as it is elsewhere."""

import os
import sys

from rich.cells import cell_len

from eigenlm.errors import visible
from eigenlm.terminal import say_piece


class AnswerText:
    """Writes pieces of answers.

    A terminal is asked for its width at each word, and a word is written once it has ended. Lines may end before and
    after a wide character, and inside a word only where it is as wide as the terminal.
    """

    def __init__(self) -> None:
        self._column, self._gap, self._word = 0, "", ""

    def push(self, piece: str) -> None:
        """Write a piece, but for a word that may go on."""
        if not sys.stdout.isatty():
            say_piece(piece)
            return
        for character in visible(piece):
            self._take(character)
        sys.stdout.flush()

    def finish(self) -> None:
        """End the answer and its line."""
        self._end_word()
        self._column, self._gap = 0, ""
        sys.stdout.write("\n")
        sys.stdout.flush()

    def _take(self, character: str) -> None:
        if character == "\n":
            self._end_word()
            sys.stdout.write("\n")
            self._column, self._gap = 0, ""
        elif character == "\t":
            self._end_word()
            self._gap += " " * (8 - (self._column + len(self._gap)) % 8)
        elif character.isspace() and character != "\N{NO-BREAK SPACE}":
            self._end_word()
            self._gap += character
        else:
            if self._may_break_before(character):
                self._end_word()
            self._word += character
            if cell_len(self._word) >= _width():
                self._end_word()

    def _may_break_before(self, character: str) -> bool:
        widened = cell_len(self._word + character) - cell_len(self._word)
        return widened == 2 or (widened == 1 and character.isalnum() and cell_len(self._word[-1:]) == 2)

    def _end_word(self) -> None:
        if not self._word:
            return
        width, length = _width(), cell_len(self._word)
        if self._column == 0:
            gap = self._gap[: max(0, width - length)]
        elif self._column + cell_len(self._gap) + length <= width:
            gap = self._gap
        else:
            gap, self._column = "\n", -1
        sys.stdout.write(gap + self._word)
        self._column += cell_len(gap) + length if gap != "\n" else 1 + length
        self._gap, self._word = "", ""


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
