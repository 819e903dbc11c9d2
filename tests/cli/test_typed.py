"""What people type in their first hour, and the answer that they expect: help, typing errors, bad values, streams."""

import contextlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eigenlm.cli.program import main

# Answered without a model, and without the seconds that torch takes to load: exit code, and a part of what is said.
AT_ONCE = [
    ("", 0, "usage: eigenlm COMMAND"),
    ("-h", 0, "usage: eigenlm COMMAND"),
    ("--help", 0, "eigenlm tour"),
    ("help", 0, "usage: eigenlm COMMAND"),
    ("help generate", 0, "--prompt"),
    ("help tokenizer train", 0, "--vocab-size"),
    ("help genrate", 2, "did you mean 'generate'"),
    ("generate --help", 0, "--max-tokens"),
    ("--version", 0, "eigenlm 0."),
    ("-V", 0, "eigenlm 0."),
    ("version", 2, "--version"),
    ("genrate MODEL", 2, "did you mean 'generate'"),
    ("run MODEL", 2, "did you mean 'chat'"),
    ("ls", 2, "did you mean 'list'"),
    ("finetune MODEL", 2, "did you mean 'train'"),
    ("prune MODEL", 2, "did you mean 'plan'"),
    ("tokenizer", 0, "tokenizer train"),
    ("vectors", 0, "usage: eigenlm vectors COMMAND"),
    ("vectors --help", 0, "vectors odd-one-out"),
    ("help vectors", 0, "vectors neighbours"),
    ("vectors neighbors VECTORS word", 2, "did you mean 'neighbours'"),
    ("completion bash", 0, "complete"),
    ("chat", 2, "MODEL"),
    ("generate", 2, "MODEL"),
    ("train", 2, "RECIPE"),
    ("generate MODEL --promt Hi", 2, "--prompt"),
    ("generate MODEL -p Hi --temperature warm", 2, "temperature"),
    ("generate MODEL -p Hi --temperature -1", 2, "temperature"),
    ("generate MODEL -p Hi --max-tokens -3", 2, "max_tokens"),
    ("generate MODEL -p Hi --top-p 2", 2, "top_p"),
    ("generate MODEL -p Hi --top-k -1", 2, "top_k"),
    ("generate MODEL -p Hi --dtype float99", 2, "bfloat16"),
    ("generate nosuch -p Hi", 2, "nosuch"),
    ("info nosuch.gguf", 2, "nosuch.gguf"),
    ("analyze ./nosuch", 2, "nosuch"),
    ("analyze MODEL --html TEXT/page.html", 2, "text.txt"),
    ("analyze MODEL --html MODEL/config.json", 2, "config.json"),
    ("perplexity MODEL", 2, "--text"),
    ("perplexity MODEL --text nosuch.txt", 2, "nosuch.txt"),
    ("perplexity MODEL --text TEXT --window 0", 2, "window"),
    ("perplexity MODEL --text TEXT --stride -1", 2, "stride"),
    ("plan MODEL", 2, "--out"),
    ("plan MODEL --out OUT.json --keep 1.5", 2, "keep: expected"),
    ("plan MODEL --out OUT.json --keep half", 2, "keep"),
    ("plan MODEL --out OUT.json --methods magic", 2, "low_rank"),
    ("plan MODEL --out OUT.json --tokens 0", 2, "tokens"),
    ("apply nosuch.json --out OUT", 2, "nosuch.json"),
    ("export MODEL --to pdf --out OUT", 2, "gguf"),
    ("export MODEL --to gguf --storage Q9 --out OUT.gguf", 2, "Q8_0"),
    ("export MODEL --to gguf --out MODEL/model.safetensors", 2, "model.safetensors"),
    ("train nosuch.py", 2, "nosuch.py"),
    ("train gpt_smal", 2, "gpt_small"),
]
# Answered by a model.
BY_A_MODEL = [
    ("generate MODEL -p Hi -n 3 -q", "", 0, ""),
    ("generate MODEL -n 3", "from standard input", 0, ""),
    ("generate MODEL --prompt - -n 3", "from standard input", 0, ""),
    ("generate MODEL -p Hi -n 3 --json", "", 0, '"text"'),
    ("generate MODEL -n 3", "", 2, "prompt"),
    ("generate MODEL -p Hi --device nosuch", "", 2, "nosuch"),
    ("chat MODEL --max-tokens 3", "Hi\n/bye\n", 0, ""),
    ("chat MODEL --max-tokens 3", "", 0, ""),
    ("perplexity MODEL --text -", "A text that comes from another program. " * 9, 0, "perplexity"),
    ("perplexity MODEL --text -", "", 2, "text"),
    ("perplexity MODEL --text TEXT --json", "", 0, '"bits_per_byte"'),
    ("info MODEL", "", 0, "Where the numbers sit"),
    ("info TEXT", "", 2, "text.txt"),
    ("apply TEXT --out OUT", "", 2, "text.txt"),
    ("list", "", 0, "smollm2-135m-instruct"),
    ("train gpt_small --text TEXT --dry-run", "", 0, "memory"),
    ("train gpt_small --text TEXT --out OUT --set train.stps=2", "", 2, "train.steps"),
    ("train gpt_small --text TEXT --out OUT --cluster 8xH200", "", 2, "--dry-run"),
    ("train gpt_small --text TEXT --out OUT --depth 24 --set train.steps=10000000", "", 2, "--yes"),
]
ALONE = """
import contextlib, io, json, sys, time
class NoTorch:
    @staticmethod
    def find_spec(name, *_):
        if name == "torch":
            raise ModuleNotFoundError("torch is asked for")
sys.meta_path.insert(0, NoTorch)
from eigenlm.cli.program import main
told = []
for words in json.load(sys.stdin):
    sys.stdin, out, err, start = io.StringIO(""), io.StringIO(), io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code or 0
    told.append([code, out.getvalue(), err.getvalue(), time.perf_counter() - start])
json.dump(told, sys.stdout)
"""


@pytest.fixture(scope="module")
def words_of(tiny_model: Path, tiny_text: Path, tmp_path_factory: pytest.TempPathFactory):
    """A line as words, with the places that it names."""
    place = tmp_path_factory.mktemp("typed")
    (place / "text.txt").write_text(tiny_text.read_text())
    places = {"MODEL": tiny_model, "TEXT": place / "text.txt", "OUT": place / "out"}

    def words(line: str) -> list[str]:
        for name, path in places.items():
            line = line.replace(name, str(path))
        return shlex.split(line)

    return words


@pytest.fixture(scope="module")
def answers(words_of):
    """What each line of `AT_ONCE` is answered, all by one process that cannot import torch."""
    lines = [words_of(line) for line, _, _ in AT_ONCE]
    done = subprocess.run([sys.executable, "-c", ALONE], input=json.dumps(lines), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(zip([line for line, _, _ in AT_ONCE], json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("line", "code", "says"), AT_ONCE, ids=[line or "nothing" for line, _, _ in AT_ONCE])
def test_answered_at_once(line: str, code: int, says: str, answers) -> None:
    found, out, err, seconds = answers[line]
    assert (found, seconds < 1.0) == (code, True), (seconds, err)
    assert says in " ".join((out + err).split())
    assert "Traceback" not in err
    assert not out if code else not err  # an error says nothing that a program would read


@contextlib.contextmanager
def standard_input(text: str) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(text.encode()))
    try:
        yield
    finally:
        sys.stdin = before


@pytest.mark.parametrize(("line", "given", "code", "says"), BY_A_MODEL)
def test_answered_by_a_model(
    line: str, given: str, code: int, says: str, words_of, capfd: pytest.CaptureFixture[str]
) -> None:
    with standard_input(given):
        try:
            found = main(words_of(line))
        except SystemExit as end:
            found = int(end.code or 0)
    told = capfd.readouterr()
    assert found == code, told.err
    assert says in " ".join((told.out + told.err).split())
    assert len(told.err.splitlines()) <= 1 or code == 0
    if "--json" in line:
        assert json.loads(told.out)
    if code == 2:
        assert told.out == ""


def test_a_reader_that_leaves_ends_it_quietly(words_of) -> None:
    line = f"{sys.executable} -m eigenlm {shlex.join(words_of('generate MODEL -p Hi -n 90'))} | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_color_and_no_terminal_mean_plain_text(words_of) -> None:
    command = [sys.executable, "-m", "eigenlm", *words_of("info MODEL")]
    for environment in ({"NO_COLOR": "1", "FORCE_COLOR": ""}, {"TERM": "dumb"}):
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_within_five_seconds(number: int, code: int, words_of, tmp_path: Path) -> None:
    line = "train gpt_small --depth 1 --text TEXT --set train.steps=100000 train.batch_size=2 --yes --out"
    words = [*words_of(line), str(tmp_path / "run")]
    process = subprocess.Popen([sys.executable, "-m", "eigenlm", *words], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "timing.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.1)
    start = time.monotonic()
    process.send_signal(number)
    process.communicate()
    assert (process.returncode, time.monotonic() - start < 5.0) == (code, True)
