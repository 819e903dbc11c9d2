"""What a user set for good: an option before a variable, a variable before the file, and one line for what is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from eigenlm.checkpoint.locate import locate
from eigenlm.cli import main
from eigenlm.cli.options import use_threads
from eigenlm.cli.program import parse
from eigenlm.errors import ConfigError
from eigenlm.settings import config_file, setting, settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch) -> Path:
    """The file of settings, still to be written."""
    for name in ("DEVICE", "DTYPE", "THREADS", "MODELS", "CONFIG"):
        monkeypatch.delenv(f"EIGENLM_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "eigenlm").mkdir()
    return tmp_path / "eigenlm" / "config.toml"


def test_nothing_is_set(file: Path) -> None:
    assert {(found.name, found.value, found.source) for found in settings()} == {
        ("device", "auto", "built in"),
        ("dtype", "float32", "built in"),
        ("threads", None, "built in"),
        ("models", None, "built in"),
    }


def test_an_option_goes_before_a_variable_and_that_before_the_file(file: Path, monkeypatch) -> None:
    def threads(*words: str) -> int:
        return parse("perplexity", ["MODEL", "-f", "TEXT", *words]).compute.threads

    assert threads() is None
    file.write_text('threads = 2\ndtype = "bfloat16"\n')
    assert threads() == 2
    monkeypatch.setenv("EIGENLM_THREADS", "3")
    assert threads() == 3
    assert threads("--threads", "4") == 4
    assert setting("dtype").source == str(file)
    assert setting("threads").source == "EIGENLM_THREADS"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('devise = "cpu"', "expected one of device, dtype, threads, models, got 'devise'; did you mean 'device'?"),
        ("threads = 0", "threads in {file}: expected a whole number from 1 to 1,024, got '0'"),
        ("threads = true", "got 'True'"),
        ("threads = [2]", "got '[2]'"),
        ('dtype = "float16"', "dtype in {file}: expected float32 or bfloat16, got 'float16'"),
        ('models = "/no/such"', "models in {file}: expected a folder that is there"),
        ("device = cpu", 'reading {file}: expected lines such as device = "cpu" (TOML)'),
        (
            "device = " + 10_000 * "[",
            'reading {file}: expected lines such as device = "cpu" (TOML), got lists in lists',
        ),
        ("\udcff", "reading {file}: expected lines such as"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line_that_names_it(file: Path, text: str, told: str) -> None:
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError) as refused:
        settings()
    assert told.format(file=file) in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEVICE", "cude"), ("DTYPE", "int8"), ("THREADS", "two"), ("MODELS", "/no/such"), ("CONFIG", "/")],
)
def test_a_variable_that_is_wrong_is_named(file: Path, monkeypatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EIGENLM_{name}", value)
    with pytest.raises(ConfigError, match=value if name == "CONFIG" else f"EIGENLM_{name}: expected .* got '{value}'"):
        settings()


def test_a_variable_of_no_setting_is_told_and_stops_nothing(file: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("EIGENLM_DEVCE", "cpu")
    assert main(["list"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("note: variable of the environment: expected one of EIGENLM_DEVICE, EIGENLM_DTYPE, ")
    assert "got 'EIGENLM_DEVCE'; did you mean 'EIGENLM_DEVICE'?" in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_here_is_said_with_the_variable(file: Path, monkeypatch, capsys, tiny_model) -> None:
    monkeypatch.setenv("EIGENLM_DEVICE", "cuda")
    words = ["generate", str(tiny_model), "-p", "The matrix", "-n", "1"]
    assert main(words) == 2
    assert "set by EIGENLM_DEVICE: expected cpu" in capsys.readouterr().err
    assert main([*words, "--device", "cpu"]) == 0


def test_another_file_may_be_named(file: Path, monkeypatch) -> None:
    other = file.with_name("other.toml")
    monkeypatch.setenv("EIGENLM_CONFIG", str(other))
    with pytest.raises(ConfigError, match="No such file"):
        settings()
    other.write_text("threads = 1")
    assert (config_file(), setting("threads").value) == (other, 1)


def test_models_are_found_in_their_folder(file: Path, monkeypatch, tiny_model: Path) -> None:
    file.write_text(f"models = {json.dumps(str(tiny_model.parent))}")
    monkeypatch.chdir(file.parent)
    assert locate(tiny_model.name) == tiny_model


def test_threads_are_those_asked_for(file: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("eigenlm.doctor.diagnosis.probe_faults", tuple)
    before = torch.get_num_threads()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("EIGENLM_THREADS", "3")
    try:
        assert main(["doctor", "--seconds", "0.001", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["machine"]["threads"] == 3
        assert {"name": "threads", "value": 3, "source": "EIGENLM_THREADS"} in told["settings"]
        assert told["config_file"] == str(file)
        with pytest.raises(ConfigError, match="--threads"):
            use_threads(0)
    finally:
        torch.set_num_threads(before)


def test_threads_hold_for_a_torch_that_is_not_loaded_yet() -> None:
    script = (
        "import sys; from eigenlm.cli.options import use_threads; use_threads(2); assert 'torch' not in sys.modules\n"
        "import torch; print(torch.get_num_threads())"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.stdout == "2\n"
