"""The limits of CONTRIBUTING.md, read from the syntax trees of the project's own files."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
ALL = SOURCES + TESTS + sorted((ROOT / "benchmarks").rglob("*.py")) + sorted((ROOT / "docs").rglob("*.py"))

MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 400, 60, 8
LEFTOVERS = {"utils", "util", "common", "misc", "helpers", "tools", "stuff"}
# A function that needs more parameters is listed here with the reason.
MORE_PARAMETERS: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def num_parameters(function: Function) -> int:
    a = function.args
    named = [p.arg for p in a.posonlyargs + a.args + a.kwonlyargs if p.arg not in ("self", "cls")]
    return len(named) + (a.vararg is not None) + (a.kwarg is not None)


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_file_is_short_and_named_for_an_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE
    assert path.stem not in LEFTOVERS
    assert path.stem == path.stem.lower()


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(path) if f.end_lineno - f.lineno >= MAX_FUNCTION}
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_have_few_parameters(path: Path) -> None:
    many = {f.name: num_parameters(f) for f in functions(path) if num_parameters(f) > MAX_PARAMETERS}
    assert not {name for name in many if f"{name_of(path)}:{name}" not in MORE_PARAMETERS}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_tensors_are_transposed_by_mT(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ("T", "H")]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parts[-2:] != ("machine", "kernels.py")], ids=name_of)
def test_private_operations_of_torch_are_in_one_file(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    used |= {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    used |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    private = re.compile(r"^torch(\.\w+)*\._[a-zA-Z]|^torch\.ops\b|^torch(\.\w+)*\._C\b")
    assert not {name for name in used if private.match(name)}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_unpickled(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    loads = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n) == "torch.load"]
    assert not imported & {"pickle", "dill", "cloudpickle", "joblib"}
    assert not loads


def called_in(function: Function) -> set[str]:
    return {ast.unparse(n.func).split(".")[-1] for n in ast.walk(function) if isinstance(n, ast.Call)}


def functions_that_check(path: Path) -> set[str]:
    """Names of the functions that can fail by themselves: by an assert, or by calling one of a file's that can."""
    checking = {"raises", "warns", "assert_close", "assert_allclose", "assert_array_equal"}
    while True:
        found = {
            f.name
            for f in functions(path)
            if called_in(f) & checking or any(isinstance(node, ast.Assert) for node in ast.walk(f))
        }
        if found <= checking:
            return checking
        checking |= found


@pytest.mark.parametrize("path", [p for p in TESTS if p.name.startswith("test_")], ids=name_of)
def test_every_test_can_fail(path: Path) -> None:
    tests = {f.name for f in functions(path) if f.name.startswith("test_")}
    assert not tests - functions_that_check(path)


def test_a_public_class_name_occurs_once() -> None:
    found: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(name_of(path))
    assert not {name: places for name, places in found.items() if len(places) > 1}


def test_imports_go_one_way() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "KEPT" in done.stdout


def test_no_place_of_one_machine_is_in_the_files() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    # Spelt in pieces, so that this file does not find itself.
    places = [
        "/" + "work/",
        "/" + "root/",
        "/" + "home/",
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "registry" + ".npmjs",
    ]
    found = []
    for name in filter(None, tracked):
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".html", ".js", ""}:
            text = path.read_text(encoding="utf-8", errors="ignore")
            found += [(name, place) for place in places if place in text]
    assert not found
