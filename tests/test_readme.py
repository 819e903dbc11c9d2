"""What the README says to type works as written, on a tiny model and without a network."""

import io
import re
import shlex
import shutil
from pathlib import Path

import pytest
from docs.blocks import blocks as fenced

from eigenlm.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REAL_MODEL = "smollm2-135m-instruct"


def blocks(language: str, text: str = README) -> list[str]:
    return [block.text for block in fenced(text, language)]


# What takes minutes is done with fewer steps.
FEW_STEPS = ["train.steps=4", "schedule.warmup=1", "train.batch_size=2", "model.context_length=32"]
SHORTER = {"train": ["--set", *FEW_STEPS], "race": ["--points", "3", "--seeds", "2", "--set", *FEW_STEPS]}
COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("eigenlm ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands run, one after the other; each finds what those before it wrote."""
    place = tmp_path_factory.mktemp("readme")
    shutil.copy(ROOT / "README.md", place)
    shutil.copytree(ROOT / "recipes", place / "recipes")
    return place


def test_the_readme_has_commands() -> None:
    assert {line.split()[1] for line in COMMANDS} >= {"info", "chat", "analyze", "plan", "apply", "export", "doctor"}


@pytest.mark.parametrize("line", COMMANDS)
def test_command(line: str, folder: Path, tiny_model: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\n"))
    words = [str(tiny_model) if word == REAL_MODEL else word for word in shlex.split(line)[1:]]
    shorter = [] if "--dry-run" in words else SHORTER.get(words[0], [])
    assert main([*words, *shorter]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("program", blocks("python"))
def test_python(program: str, tiny_model: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    exec(compile(program.replace(REAL_MODEL, str(tiny_model)), "README.md", "exec"), {})
    assert list(tmp_path.glob("*/**/model.safetensors"))


@pytest.mark.parametrize("page", ["analysis.md"])
def test_python_of_the_docs(page: str, tiny_model: Path, capsys) -> None:
    (program,) = blocks("python", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    exec(compile(program.replace(REAL_MODEL, str(tiny_model)), page, "exec"), {})
    assert "Trace(" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_has_the_two_commands(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"make {target}" in README


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert not [target for target in targets if not target.startswith("http") and not (ROOT / target).exists()]
