"""`eigenlm train`: signals in a real process, and one clear line for what cannot be trained."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eigenlm.cli import main

Capture = pytest.CaptureFixture[str]

RECIPE = Path(__file__).parent.parent.parent / "recipes" / "shakespeare.py"
SETTINGS = [
    *("train.steps=6", "train.save_every=2", "train.eval_every=3", "train.eval_tokens=128", "train.sample_every=0"),
    *("train.precision=float32", "train.batch_size=2", "model.context_length=16", "schedule.warmup=2"),
]


@pytest.fixture(autouse=True)
def no_rates(monkeypatch) -> None:
    monkeypatch.setattr("eigenlm.training.loop.product_rate", lambda *_: 1.0)


def words(text: Path, out: Path, *settings: str) -> list[str]:
    command = ["train", str(RECIPE), "--depth", "1", "--text", str(text), "--out", str(out)]
    return [*command, "--set", *SETTINGS, *settings]


def refused(command: list[str], capsys: Capture) -> str:
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("eigenlm: ")
    assert "Traceback" not in err
    return last


def begin(command: list[str]) -> subprocess.Popen[str]:
    """A real process that has come so far as to train."""
    # A shell starts what it runs in the background deaf to SIGINT, and children inherit that.
    process = subprocess.Popen(
        [sys.executable, "-m", "eigenlm", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert any("GFLOP/s" in line for line in process.stderr)
    return process


def test_signals_save_and_say_how_to_go_on(tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    command = words(tiny_text, tmp_path, "train.steps=1000000", "train.save_every=100000", "train.eval_every=100000")
    process = begin(command)
    # One folder, one process.
    assert "expected no other, got a run at work; wait for it, or choose another --out" in refused(command, capsys)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("stopped at step ")
    assert out.endswith(f"; to go on: eigenlm {' '.join(command)}\n")
    process = begin(command)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "to go on: eigenlm train" in out
    assert "Traceback" not in err
    step = int(out.removeprefix("stopped at step ").partition(" ")[0].replace(",", ""))
    assert len(list((tmp_path / "snapshots").glob(f"step-{step:08d}-*"))) == 1


def test_the_same_command_after_the_end_does_nothing(tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(words(tiny_text, tmp_path)) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'model'}: next, eigenlm chat")
    assert "step 6" in err
    log = (tmp_path / "log.jsonl").read_bytes()
    assert main(words(tiny_text, tmp_path)) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'model'}: next, eigenlm chat")
    assert "finished already" in err
    assert main([*words(tiny_text, tmp_path), "--quiet"]) == 0
    assert capsys.readouterr() == (f"{tmp_path / 'model'}\n", "")
    assert (tmp_path / "log.jsonl").read_bytes() == log


def test_json(tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main([*words(tiny_text, tmp_path), "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["finished"] is True
    assert outcome["step"] == 6
    assert outcome["model"] == str(tmp_path / "model")
    assert outcome["evaluation"]["step"] == 6


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("train.stepz=3", "--set: expected a field of the recipe, got 'train.stepz'; did you mean 'train.steps'?"),
        ("optimiser.kind=sgd", "got 'optimiser.kind'; did you mean 'optimizer.kind'?"),
        ("train.steps=many", "recipe.train.steps: expected int, got 'many'"),
        ("train.steps=1.5", "recipe.train.steps: expected int, got 1.5"),
        ("model.dropout=yes", "recipe.model.dropout: expected float, got 'yes'"),
        ("optimizer.kind=adamm", "recipe.optimizer.kind: expected one of sgd, adam, adamw"),
        ("train.steps", "--set: expected FIELD=VALUE, such as train.steps=200, got 'train.steps'"),
        ("model.attention.num_kv_heads=3", "expected key/value heads that divide the heads"),
        ("model.d_model=0", "d_model: expected at least 1, got 0"),
        ("tokenizer.vocab_size=5", "vocab_size >= "),
    ],
)
def test_a_setting_that_does_not_fit(tiny_text: Path, tmp_path: Path, capsys: Capture, setting: str, told: str) -> None:
    assert told in refused(words(tiny_text, tmp_path / "run", setting), capsys)
    assert not (tmp_path / "run" / "snapshots").exists()


def test_what_is_not_there(tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert "none" in refused(["train", str(tmp_path / "recipe.py")], capsys)
    assert "missing.txt" in refused(words(tmp_path / "missing.txt", tmp_path / "run"), capsys)
    (tmp_path / "empty.txt").touch()
    assert "text" in refused(words(tmp_path / "empty.txt", tmp_path / "other"), capsys)


def test_the_folder_of_another_recipe(tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(words(tiny_text, tmp_path)) == 0
    capsys.readouterr()
    told = refused(words(tiny_text, tmp_path, "train.steps=5"), capsys)
    assert "expected train.steps = 6, as it began, got 5" in told
    told = refused(words(tiny_text, tmp_path, "train.steps=7", "train.seed=1"), capsys)
    assert "expected train.steps = 6, as it began, got 7" in told


def test_a_finished_run_goes_on_to_more_steps(tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(words(tiny_text, tmp_path)) == 0
    capsys.readouterr()
    assert main(words(tiny_text, tmp_path, "train.steps=8")) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'model'}: next, eigenlm chat")
    told = "goes on to 8 steps instead of 6, by the learning rates of 8; the model so far is"
    assert f"eigenlm: {tmp_path} {told} {tmp_path / 'model-6-steps'}\n" in err
    assert "going on from step 6" in err
    assert "expected train.steps = 8, as it began, got 6" in refused(words(tiny_text, tmp_path), capsys)


def test_a_model_that_is_there_goes_on(tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    few = [setting for setting in SETTINGS if not setting.startswith("model.")]
    start = ["train", str(RECIPE), "--from", str(tiny_model), "--text", str(tiny_text), "--out", str(tmp_path / "run")]
    settings = [*start, "--set", *few, "data.context_length=16", "train.curves=csv"]
    assert main(settings) == 0
    out, _ = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'run' / 'model'}: next, eigenlm chat")
    assert main([*settings, "train.steps=8"]) == 0
    assert "goes on to 8 steps instead of 6" in capsys.readouterr().err
    losses = [line for line in (tmp_path / "run" / "curves.csv").read_text().splitlines() if "train/loss" in line]
    assert [line.split(",")[0] for line in losses] == list("01234567")


def test_a_model_that_cannot_go_on(tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    command = words(tiny_text, tmp_path / "run", "data.context_length=16")
    assert "finding the model" in refused([*command, "--from", str(tmp_path / "nowhere")], capsys)
    told = refused([*command, "--from", str(tiny_model), "--dry-run"], capsys)
    assert f"model.context_length: expected 128, as in {tiny_model}, got 16; leave it as it is there" in told


def test_a_damaged_snapshot_is_told_and_an_older_one_used(tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(words(tiny_text, tmp_path)) == 0
    capsys.readouterr()
    newest = sorted((tmp_path / "snapshots").glob("step-*"))[-1]
    (newest / "state.json").write_text("{")
    assert main(words(tiny_text, tmp_path)) == 0
    err = capsys.readouterr().err
    assert f"eigenlm: reading {newest / 'state.json'}: expected what was written, got other bytes" in err
    assert "going on from step 4" in err
