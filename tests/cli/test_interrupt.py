"""Ctrl-C in any step: one line, exit code 130, nothing half-written."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eigenlm.cli import main

Capture = pytest.CaptureFixture[str]


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("export MODEL --to gguf --out OUT", "eigenlm.checkpoint.gguf_writer.quantize"),
        ("export MODEL --to hf --out OUT", "eigenlm.checkpoint.hugging_face.write_tokenizer"),
        ("tokenizer train --text TEXT --out OUT --vocab-size 300", "eigenlm.text.tokenizer.tokenizer_files.write"),
        ("generate MODEL --prompt a", "eigenlm.engine.session.choose"),
        ("perplexity MODEL --text TEXT", "torch.nn.functional.cross_entropy"),
        ("info MODEL", "eigenlm.checkpoint.open_any"),
    ],
)
def test_nothing_is_left(
    monkeypatch, capsys: Capture, tiny_model: Path, tiny_text: Path, tmp_path: Path, words: str, moment: str
) -> None:
    monkeypatch.setattr(moment, interrupt)
    places = {"MODEL": str(tiny_model), "TEXT": str(tiny_text), "OUT": str(tmp_path / "out")}
    assert main([places.get(word, word) for word in words.split()]) == 130
    assert capsys.readouterr() == ("", "eigenlm: interrupted; no output was left half-written\n")
    assert list(tmp_path.iterdir()) == []


def _hear_interrupts() -> None:
    # A shell starts what it runs in the background deaf to SIGINT, and children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_real_signal_ends_a_conversation(tiny_model: Path) -> None:
    words = [sys.executable, "-m", "eigenlm", "chat", str(tiny_model), "--max-tokens", "2"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, bufsize=1, preexec_fn=_hear_interrupts, **pipes) as chat:
        assert chat.stdin is not None
        assert chat.stdout is not None
        chat.stdin.write("hello\n")
        assert chat.stdout.readline()
        chat.send_signal(signal.SIGINT)
        _, err = chat.communicate(timeout=60)
    assert chat.returncode == 130
    assert err == "eigenlm: interrupted; no output was left half-written\n"
