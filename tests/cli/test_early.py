"""What is wrong with a command is told in one line before torch is loaded; a text may come on standard input."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eigenlm import allowed
from eigenlm.analysis.sections import SECTIONS
from eigenlm.cli import main
from eigenlm.cli.boundary import Terminated
from eigenlm.compression.methods import METHODS
from eigenlm.planner import cluster
from eigenlm.section_options import OPTIONS
from eigenlm.training.optimizers import OPTIMIZERS

Capture = pytest.CaptureFixture[str]

REFUSED = {
    "plan MODEL --out p --keep 1.5": "keep: expected a fraction in (0, 1], got 1.5",
    "plan MODEL --out p --keep nan": "keep: expected a fraction in (0, 1], got nan",
    "plan MODEL --out p --tokens 0": "tokens: expected at least 4, got 0",
    "plan MODEL --out p --seed -1": "seed: expected a whole number from 0",
    "plan MODEL --out p --methods low_rnk": "did you mean 'low_rank'?",
    "plan MODEL --out p.safetensors": "expected a name for the plan, got that of its tensors",
    "plan MODEL --out TEXT/p": "TEXT, which is no folder",
    "plan MODEL --out p --text none.txt": "reading none.txt: expected a file or folder, got nothing there",
    "plan MODEL --out p --text MODEL/config.json": "expected a name that ends in",
    "plan MODEL --out p --device nosuch": "device: expected cpu, auto, or an accelerator",
    "plan MODEL --out p --adapter nosuch": "finding the model 'nosuch'",
    "plan nosuch --out p": "finding the model 'nosuch'",
    "generate MODEL --prompt a --max-tokens -3": "max_tokens: expected 0 or more, got -3",
    "generate MODEL --prompt a --temperature -1": "temperature: expected 0 or more, got -1.0",
    "generate MODEL --prompt a --top-p 2": "top_p: expected a probability in (0, 1], got 2.0",
    "chat nosuch": "finding the model 'nosuch'",
    "chat MODEL --min-p 2": "min_p: expected a fraction in [0, 1]",
    "perplexity MODEL --text TEXT --window 0": "expected a window above 0",
    "perplexity MODEL --text TEXT --stride -1": "stride -1",
    "perplexity MODEL --text TEXT --window 8 --stride 9": "stride from 1 to 8, got window 8, stride 9",
    "measure MODEL nosuch --text TEXT": "finding the model 'nosuch'",
    "measure MODEL MODEL --text TEXT --window 1": "expected at least 2 tokens, got 1",
    "analyze nosuch": "finding the model 'nosuch'",
    "analyze MODEL --top 0": "",
    "analyze MODEL --text none.txt": "reading none.txt",
    "analyze MODEL --senses none.json": "reading none.json",
    "analyze MODEL --html TEXT/page": "TEXT, which is no folder",
    "analyze MODEL MODEL --text TEXT": "expected weights alone, got --text",
    "export MODEL --to hf --storage XX --out o": "",
    "export MODEL --to hf --storage Q8_0 --out o": "expected F32, F16, BF16, got Q8_0",
    "apply none.json --out o": "reading none.json: expected a file or folder",
    "repair MODEL --of nosuch --out o": "finding the model 'nosuch'",
    "repair MODEL --of MODEL --out o --rank 0": "rank: expected at least 1, got 0",
    "repair MODEL --of MODEL --out o --storage F16": "storage: expected that of an adapter, got an eigenlm folder",
    "repair MODEL --of MODEL --out MODEL": "expected a place that is not read from",
    "info nosuch": "finding the model 'nosuch'",
    "train gpt_smal": "did you mean 'gpt_small'?",
    "train gpt_small --text none.txt": "reading none.txt",
    "train gpt_small --text -": "a file or folder, which the run reads again when it goes on, got standard input",
    "train gpt_small --depth 0": "depth: expected at least 1, got 0",
    "train gpt_small --cluster H200": "--cluster: expected --dry-run beside it",
    "race gpt_small --points 1": "points: expected at least 3, got 1",
    "race gpt_small --optimizers adamw,muonn": "did you mean 'muon'?",
    "tokenizer train --text TEXT --out o --vocab-size 3": "vocab_size >= 257, got 3",
    "tour --max-loss 0": "max_loss: expected nats per token above 0, got 0.0",
    "doctor --seconds 0": "seconds: expected a number above 0, got 0.0",
}
RUN = """
import contextlib, io, json, sys
from eigenlm.cli import main
said = []
for words in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    said.append((code, err.getvalue(), "torch" in sys.modules))
print(json.dumps(said))
"""


def test_bad_values_are_refused_without_torch(tiny_model: Path, tiny_text: Path, tmp_path: Path) -> None:
    lines = [line.replace("MODEL", str(tiny_model)).replace("TEXT", str(tiny_text)).split() for line in REFUSED]
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(lines), capture_output=True, text=True, cwd=tmp_path
    )
    for (line, told), (code, err, needed_torch) in zip(REFUSED.items(), json.loads(done.stdout), strict=True):
        assert (line, code, needed_torch) == (line, 2, False)
        assert told.replace("TEXT", str(tiny_text)) in err
        assert (err.startswith("eigenlm: ") and err.count("\n") == 1) or not told
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_known_early_are_those_there_are() -> None:
    assert tuple(METHODS) == allowed.METHODS
    assert tuple(OPTIMIZERS) == allowed.OPTIMIZERS
    assert OPTIONS.keys() <= {section.name for section in SECTIONS}


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_a_text_on_standard_input_is_read_as_a_file_is(
    tiny_model: Path, tiny_text: Path, monkeypatch, capsys: Capture
) -> None:
    told = []
    for text in (str(tiny_text), "-"):
        piped(monkeypatch, tiny_text.read_text())
        assert main(["perplexity", str(tiny_model), "--text", text, "--json"]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    piped(monkeypatch, "")
    assert main(["perplexity", str(tiny_model), "--text", "-"]) == 2
    assert capsys.readouterr().err == "eigenlm: reading standard input: expected some text, got none\n"


def test_a_prompt_may_be_piped(tiny_model: Path, monkeypatch, capsys: Capture) -> None:
    words = ["generate", str(tiny_model), "--max-tokens", "8"]
    assert main([*words, "--prompt", "A matrix"]) == 0
    expected = capsys.readouterr().out
    piped(monkeypatch, "A matrix\n")  # as from echo
    assert main(words) == 0
    assert capsys.readouterr().out == expected
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})())
    assert main(words) == 2
    assert "add --prompt TEXT, or pipe it in" in capsys.readouterr().err


def test_advice_can_be_pasted(tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "my plans" / "it's one.json"
    words = ["plan", str(tiny_model), "--out", str(out), "--text", str(tiny_text), "--tokens", "64", "--keep", "0.9"]
    assert main(words) == 0
    advice = capsys.readouterr().out.splitlines()[-1].partition("next, ")[2]
    program, *words = shlex.split(advice.replace("FOLDER", shlex.quote(str(tmp_path / "a smaller one"))))
    assert program == "eigenlm"
    assert main(words) == 0
    assert (tmp_path / "a smaller one" / "model.safetensors").exists()


def test_a_run_of_more_than_a_day_asks(tiny_text: Path, tmp_path: Path, monkeypatch, capsys: Capture) -> None:
    monkeypatch.setattr(
        sys.modules["eigenlm.planner.forecast"], "measure_machine", lambda processes: cluster("1x H100")
    )
    words = ["train", "gpt_small", "--text", str(tiny_text), "--out", str(tmp_path / "run")]
    assert main([*words, "--set", "train.steps=1000000000"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected at most a day, got about" in line
    assert "days for 1,000,000,000 steps on this machine; add --yes" in line
    assert not (tmp_path / "run").exists()

    def stop(*_: object, **__: object) -> None:
        raise Terminated(143)

    # A signal while shards are written: the tokenizer is there, of the shards nothing.
    monkeypatch.setattr("eigenlm.text.shards.write_manifest", stop)
    assert main([*words, "--yes", "--set", "train.steps=1000000000", "tokenizer.kind=character"]) == 143
    told = capsys.readouterr().err
    assert "days for 1,000,000,000 steps" in told
    assert told.endswith("eigenlm: terminated; no output was left half-written\n")
    assert {"tokenizer"} == {path.name for path in (tmp_path / "run").iterdir() if path.is_dir()}


def test_signals_end_a_command_that_waits(tiny_model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "eigenlm", "perplexity", str(tiny_model), "--text", "-"]
    for number, code, word in ((signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")):
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while not list(tmp_path.glob("*/standard-input.txt")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=5)
        assert (process.returncode, err) == (code, f"eigenlm: {word}; no output was left half-written\n")
        assert list(tmp_path.iterdir()) == []


STUCK = """
import hashlib
from eigenlm.cli import boundary
boundary._GRACE = 0.2
with boundary.obeyed_signals():
    print("stuck", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 29)
"""


def test_signals_end_a_command_that_is_deep_in_a_library() -> None:
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stuck\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 143
