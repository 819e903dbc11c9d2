"""Completion by the Tab key, as bash does it with the script that `eigenlm completion bash` prints."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from eigenlm.cli import main
from eigenlm.cli.completion import KnownOption, options_of_commands

# What bash does at the Tab key: words into an array, the function that `complete` names, its answers in COMPREPLY.
PRESS = """
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$(complete -p eigenlm | sed -E 's/.* -F ([^ ]+) .*/\\1/') eigenlm "${COMP_WORDS[COMP_CWORD]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "script"
    with pytest.MonkeyPatch.context() as patched, path.open("w") as file:
        patched.setattr("sys.stdout", file)
        assert main(["completion", "bash"]) == 0
    return path


def completed(script: Path, *words: str) -> set[str]:
    command = ["bash", "--norc", "-c", f'source "{script}"\n{PRESS}', "bash", "eigenlm", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gen"], {"generate"}),
        (["t"], {"tour", "train", "tokenizer"}),
        (["generate", "--te"], {"--temperature"}),
        (["generate", "MODEL", "--prompt", "x", "--dtype", ""], {"float32", "bfloat16"}),
        (["export", "MODEL", "--to", "g"], {"gguf"}),
        (["tokenizer", ""], {"train"}),
        (["tokenizer", "train", "--voc"], {"--vocab-size"}),
        (["chat", "smol"], {"smollm2-135m-instruct"}),
        (["chat", "./"], set()),  # then bash's own, files
        (["info", ""], set()),
        (["help", "per"], {"perplexity"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["nonsense", "--"], set()),
    ],
)
def test_words_that_bash_offers(script: Path, words: list[str], expected: set[str]) -> None:
    assert completed(script, *words) == expected


@pytest.fixture(scope="module")
def options() -> dict[str, list[KnownOption]]:
    return options_of_commands()


def test_every_option_of_every_command(script: Path, options) -> None:
    assert {"temperature", "json", "quiet", "help"} <= {option.long for option in options["generate"]}
    for name, known in options.items():
        assert completed(script, *name.split(), "--") == {f"--{option.long}" for option in known}


def test_a_letter_is_short_for_one_option_everywhere(options) -> None:
    shorts = {(option.long, option.short) for known in options.values() for option in known}
    letters = [short for _, short in shorts if short]
    assert len({long for long, _ in shorts}) == len(shorts)  # or it would be short in some commands and not in others
    assert len(set(letters)) == len(letters)
    expected = {"p": "prompt", "n": "max-tokens", "t": "temperature", "o": "out", "q": "quiet", "f": "text"}
    assert {(long, short) for short, long in expected.items()} <= shorts


def test_every_command_takes_json_and_quiet(options) -> None:
    assert not [name for name, known in options.items() if {"json", "quiet"} - {option.long for option in known}]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_their_script(shell: str, options, monkeypatch, capsys) -> None:
    monkeypatch.setattr("eigenlm.cli.completion.options_of_commands", lambda: options)
    assert main(["completion", shell, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["shell"] == shell
    assert "vocab-size" in told["script"]
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=told["script"], text=True).returncode == 0
