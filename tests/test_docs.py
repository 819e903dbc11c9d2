"""The documentation holds together: its links lead somewhere, its commands parse, its programs name what exists."""

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from docs.blocks import blocks
from docs.run_blocks import python

import eigenlm
from eigenlm.cli.program import COMMANDS, parse

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
REAL_MODEL = "smollm2-135m-instruct"


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def command_lines(page: Path) -> list[str]:
    """Each `eigenlm ...` of a page's shell blocks, without what it is piped into."""
    found = [part for block in blocks(page.read_text("utf-8"), "sh") for part in re.split(r"[|\n]|&&", block.text)]
    return [line.strip() for line in found if line.strip().startswith("eigenlm ")]


def cells(notebook: Path) -> list[str]:
    written = json.loads(notebook.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in written if cell["cell_type"] == "code"]


def names_of_ours(program: str) -> Iterator[tuple[str, str]]:
    """The modules of eigenlm that a program takes names from, with the names."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eigenlm"):
            yield from ((str(node.module), alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "eigenlm":
            yield "eigenlm", node.attr


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    assert not [target for target in targets if "://" not in target and not (page.parent / target).exists()]


LINES = sorted({(line, name_of(page)) for page in PAGES for line in command_lines(page)})


def test_there_are_commands_to_check() -> None:
    assert {shlex.split(line)[1] for line, _ in LINES} >= {"tour", "info", "plan", "apply", "measure", "train", "race"}


@pytest.mark.parametrize(("line", "page"), LINES)
def test_command_parses(line: str, page: str) -> None:
    words = shlex.split(line.partition(" >")[0], comments=True)[1:]
    if words != ["--help"]:
        count = 2 if " ".join(words[:2]) in COMMANDS else 1
        assert " ".join(words[:count]) in COMMANDS
        assert parse(" ".join(words[:count]), words[count:]) is not None


def test_programs_name_what_exists() -> None:
    programs = [block.text for page in PAGES for block in blocks(page.read_text("utf-8"), "python")]
    programs += [cell for notebook in NOTEBOOKS for cell in cells(notebook)]
    named = {found for program in programs for found in names_of_ours(program)}
    assert ("eigenlm", "plan") in named
    assert not [(home, name) for home, name in named if not hasattr(importlib.import_module(home), name)]


def test_every_page_is_in_the_menu() -> None:
    def leaves(entry: object) -> Iterator[str]:
        for item in entry.values() if isinstance(entry, dict) else entry:
            yield from [item] if isinstance(item, str) else leaves(item)

    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    assert sorted(leaves(menu)) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def test_the_reference_has_every_public_name() -> None:
    pages = "".join(page.read_text("utf-8") for page in (DOCS / "reference").glob("*.md"))
    named = re.findall(r"^::: (\S+)$", pages, re.MULTILINE)
    assert {f"eigenlm.{name}" for name in eigenlm.__all__} <= set(named)
    for name in named:
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(module), last) or importlib.import_module(name)


def test_the_site_is_told_of_a_block_that_fails() -> None:
    given = json.dumps([["sh", "echo good"], ["sh", "echo bad >&2; false"]])
    command = [sys.executable, "-m", "docs.run_blocks"]
    done = subprocess.run(command, input=given, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "bad" in done.stderr


def test_a_block_shows_what_it_prints_and_its_last_value() -> None:
    names: dict[str, object] = {}
    assert python("x = 2\nprint('so')", names) == {"text": "so\n"}
    assert python("x + 1", names) == {"text": "3\n"}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_notebook(notebook: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "README.md").write_text((ROOT / "README.md").read_text("utf-8")[:2000], encoding="utf-8")
    monkeypatch.chdir(tmp_path / "examples")
    names: dict[str, object] = {}
    small = {REAL_MODEL: str(tiny_model), "TOKENS = 8192": "TOKENS = 512"}
    parameters, *rest = cells(notebook)
    for given, instead in small.items():
        assert given in parameters
        parameters = parameters.replace(given, instead)
    shown = [python(cell, names) for cell in (parameters, *rest)]
    assert {"chart", "html", "text"} == {kind for one in shown for kind in one}
    assert Path("report.html").exists()
    assert Path("smaller/model.safetensors").exists()
    assert names["effect"].before.num_bytes > names["effect"].after.num_bytes
