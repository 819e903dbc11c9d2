"""The keyboard of a conversation: lines that can be edited and recalled, and keys that wait till they are asked for."""

import copy
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from eigenlm.cli.chat.saved import state_folder
from eigenlm.cli.chat.slash_commands import COMMANDS
from eigenlm.files import regular

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

_PASTES_ARE_MARKED = "\x1b[?2004h"
_PASTES_ARE_KEYS = "\x1b[?2004l"


class Keyboard:
    """What is typed at a terminal; inside the block, keys typed between two prompts are unseen and reach the next.

    Attributes:
        unfinished: what stood on the line when Ctrl-C left it; None where no line was asked for.
    """

    def __init__(self) -> None:
        self.unfinished: str | None = None
        self._screen = sys.stderr if sys.stderr.isatty() else sys.stdout
        self._session: PromptSession | None = None

    def __enter__(self) -> "Keyboard":
        self._before = termios.tcgetattr(sys.stdin)
        quiet = copy.deepcopy(self._before)
        quiet[0] &= ~termios.ICRNL
        quiet[3] = quiet[3] & ~(termios.ECHO | termios.ICANON) | termios.NOFLSH
        quiet[6][termios.VMIN], quiet[6][termios.VTIME] = 1, 0
        termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
        self._show(_PASTES_ARE_MARKED)
        return self

    def __exit__(self, *end: object) -> None:
        self._show(_PASTES_ARE_KEYS)
        termios.tcsetattr(sys.stdin, termios.TCSANOW, self._before)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def line(self, prompt: str) -> str:
        """The next line, or several that were pasted together.

        Raises:
            EOFError: Ctrl-D on an empty line.
            KeyboardInterrupt: Ctrl-C.
        """
        self._session = session = self._session or self._begin()
        self.unfinished = ""
        try:
            text = session.prompt(prompt)
        except KeyboardInterrupt:
            self.unfinished = session.default_buffer.text
            raise
        finally:
            self._show(_PASTES_ARE_MARKED)  # the prompt has set them back
        self.unfinished = None
        return text

    @contextmanager
    def one_interrupt(self) -> Iterator[None]:
        """Ctrl-C raises once inside the block; the second and third of an impatient hand do nothing."""

        def stop(*_: object) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise KeyboardInterrupt

        signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _show(self, code: str) -> None:
        self._screen.write(code)
        self._screen.flush()

    def _begin(self) -> "PromptSession":
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.output.vt100 import Vt100_Output
        from prompt_toolkit.shortcuts import CompleteStyle

        output = Vt100_Output.from_pty(self._screen)
        output.enable_cpr = False  # a terminal's reply may come when nobody reads it
        return PromptSession(
            history=_history(state_folder() / "chat_history"),
            completer=WordCompleter(list(COMMANDS), sentence=True),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            enable_suspend=True,
            output=output,
        )


def _history(path: Path) -> "History":
    """Lines of earlier conversations, kept in a file that is the user's alone, or in memory where it has no place."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        regular(path, or_new=True).touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)
