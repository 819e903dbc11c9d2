"""`eigenlm chat` under a pseudo-terminal: whatever is typed, pasted, stopped or refused, the conversation stays."""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.cells import cell_len

from eigenlm.cli import main
from eigenlm.language_model import LanguageModel

RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e]")
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WORDS = [
    "slow",
    "words",
    "of",
    "several",
    "lengths",
    "漢字漢字漢字",
    "extraordinarily",
    "👩\u200d💻",
    "so",
    "on",
    "and",
    "so",
    "forth",
    "\x1b[31mred\u202e",
]


def answer(lm: LanguageModel, messages: list[dict[str, str]], **options: Any) -> Iterator[str]:
    """What stands for the model: it tells how much it was told, or talks without end."""
    question = messages[-1]["content"]
    if question != "slowly":
        yield f"<{len(messages)} messages, {len(question.splitlines())} lines, {options['sampling'].temperature}>"
        return False
    for count in range(2000):
        yield WORDS[count % len(WORDS)] + " "
        time.sleep(0.002)
    return True


class Screen:
    """A terminal with a conversation on it."""

    def __init__(self, model: Path, state: Path, *, answers: Any = answer) -> None:
        self.pid, self.keys = pty.fork()
        if self.pid == 0:  # a child that has torch already; nothing of the test run's may be called in it
            code = 1
            try:
                os.environ |= {"XDG_STATE_HOME": str(state), "TERM": "xterm"}
                os.environ.pop("COLUMNS", None)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
                torch.set_num_threads(1)
                if answers is not None:
                    LanguageModel.stream_chat = answers
                code = main(["chat", str(model), "--device", "cpu", "--seed", "1", "--max-tokens", "40"])
            finally:
                os._exit(code)
        self.shown, self._bytes = "", b""
        self._read = 0  # characters of it that were looked at
        self.resize(70)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.keys, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def type(self, text: str) -> None:
        left = text.encode()
        while left:
            left = left[os.write(self.keys, left[:512]) :]
            self._look(0.0)

    def until(self, expected: str) -> str:
        """What is shown from here on, up to what is expected."""
        deadline = time.monotonic() + 20
        while (end := self.shown.find(expected, self._read)) < 0:
            assert time.monotonic() < deadline, (expected, self.shown[self._read :])
            self._look(0.2)
        before = self.shown[self._read : end]
        self._read = end + len(expected)
        return before

    def leave(self) -> int:
        deadline = time.monotonic() + 30
        while not (done := os.waitpid(self.pid, os.WNOHANG))[0]:
            assert time.monotonic() < deadline, self.shown
            self._look(0.05)
        os.close(self.keys)
        return os.waitstatus_to_exitcode(done[1])

    def _look(self, seconds: float) -> None:
        if select.select([self.keys], [], [], seconds)[0]:
            try:
                seen = os.read(self.keys, 1 << 16)
            except OSError:  # the other side has left
                time.sleep(0.02)
                return
            self._bytes += seen
            self.shown = CODES.sub("", re.sub(r"\x1b\[\d*C", " ", self._bytes.decode("utf-8", "ignore")))


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model with a context of 2,048 tokens."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 2048}))
    return folder


def test_a_conversation_is_never_lost(model: Path, tmp_path: Path) -> None:
    screen = Screen(model, tmp_path)
    screen.until(f"{model}: loading")
    screen.type("typed while it loads\r")
    screen.until("<1 messages, 1 lines, 0.7>")

    screen.type("slowly\r")
    screen.until("slow words")
    screen.type("meanwhile")
    screen.until("extraordinarily")
    screen.type("\x03\x03")
    assert "meanwhile" not in screen.until("[stopped")
    screen.until(">>> meanwhile")
    screen.type("\r")
    screen.until("<5 messages, 1 lines, 0.7>")

    screen.type("\x1b[200~" + "\r".join(f"/line {i}" for i in range(30)) + "\x1b[201~")
    screen.until("/line 29")
    screen.type("\r")
    screen.until("<7 messages, 30 lines, 0.7>")
    screen.type('"""one\r')
    screen.until("... ")
    screen.type('two"""\r')
    screen.until("<9 messages, 2 lines, 0.7>")

    for line, told in (
        ("\x1b[200~" + "word " * 9000 + "\x1b[201~", "the message: expected fewer than 2048 tokens"),
        ("/sett", "did you mean '/set'"),
        ("/set temperature hot", "temperature: expected a number, got 'hot'"),
        ("/set temperature -1", "temperature: expected 0 or more"),
        ("/set top-k 1", "top_k                  1"),
        ("/load nothing", "/load"),
    ):
        screen.type(line + "\r")
        screen.until(told)
    screen.type("/set parameter temperature 0\r")
    screen.until("temperature            0.0")
    screen.type("/regenerate\r")
    screen.until("<9 messages, 2 lines, 0.0>")
    screen.until(">>> ")
    screen.type("\x03")
    screen.until("Ctrl-C again")
    screen.until(">>> ")
    screen.type("\x03")
    assert screen.leave() == 0
    assert (tmp_path / "eigenlm" / "chat_history").stat().st_mode & 0o077 == 0

    again = Screen(model, tmp_path)
    again.until(">>> ")
    again.type("\x1b[A")
    again.until("/regenerate")
    again.type("\x03\x04")
    assert again.leave() == 0


def test_lines_are_as_wide_as_the_terminal_is_now(model: Path, tmp_path: Path) -> None:
    screen = Screen(model, tmp_path)
    screen.until(">>> ")
    screen.type("slowly\r")
    screen.until("slowly")
    wide = "".join(screen.until("red\ufffd") for _ in range(8))
    screen.resize(40)
    screen.until("red\ufffd")
    screen.until("\n")
    narrow = "".join(screen.until("red\ufffd") for _ in range(8))
    screen.type("\x03")
    for shown, columns in ((wide, 70), (narrow, 40)):
        lines = shown.replace("\r", "").split("\n")[1:-1]
        assert columns - 16 < max(map(cell_len, lines)) <= columns
        assert set(" ".join(lines).replace("漢字", "").split()) <= {*WORDS, "漢", "字", "\u241b[31m"}
    assert not RAW.search(screen.shown)
    screen.until(">>> ")
    screen.type("\x04")
    assert screen.leave() == 0
