"""The limits of CONTRIBUTING.md, read from the syntax trees of the project's own files."""

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

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


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    return [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


def functions(path: Path) -> Iterator[Function]:
    return (node for node in nodes(path) if isinstance(node, Function))


def faults(paths: Iterable[Path], of: Callable[[Path], object]) -> dict[str, object]:
    """What a check finds in each file, of those in which it finds something."""
    return {name_of(path): found for path in paths if (found := of(path))}


def num_parameters(function: Function) -> int:
    a = function.args
    named = [p.arg for p in a.posonlyargs + a.args + a.kwonlyargs if p.arg not in ("self", "cls")]
    return len(named) + (a.vararg is not None) + (a.kwarg is not None)


def test_files_are_short_and_named_for_an_idea() -> None:
    assert not faults(ALL, lambda path: len(path.read_text(encoding="utf-8").splitlines()) > MAX_FILE)
    assert not faults(ALL, lambda path: path.stem in LEFTOVERS or path.stem != path.stem.lower())


def test_functions_are_short() -> None:
    def long(path: Path) -> dict[str, int]:
        lines = {f.name: f.end_lineno - f.lineno + 1 for f in functions(path)}
        return {name: count for name, count in lines.items() if count > MAX_FUNCTION}

    assert not faults(ALL, long)


def test_functions_have_few_parameters() -> None:
    def many(path: Path) -> set[str]:
        names = {f.name for f in functions(path) if num_parameters(f) > MAX_PARAMETERS}
        return {name for name in names if f"{name_of(path)}:{name}" not in MORE_PARAMETERS}

    assert not faults(SOURCES, many)


def test_tensors_are_transposed_by_mT() -> None:
    def otherwise(path: Path) -> list[int]:
        return [node.lineno for node in nodes(path) if isinstance(node, ast.Attribute) and node.attr in ("T", "H")]

    assert not faults(SOURCES, otherwise)


def test_private_operations_of_torch_are_in_one_file() -> None:
    private = re.compile(r"^torch(\.\w+)*\._[a-zA-Z]|^torch\.ops\b|^torch(\.\w+)*\._C\b")

    def used(path: Path) -> set[str]:
        names = {ast.unparse(node) for node in nodes(path) if isinstance(node, ast.Attribute)}
        froms = [node for node in nodes(path) if isinstance(node, ast.ImportFrom)]
        names |= {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
        names |= {alias.name for node in nodes(path) if isinstance(node, ast.Import) for alias in node.names}
        return {name for name in names if private.match(name)}

    others = [path for path in SOURCES if path.parts[-2:] != ("machine", "kernels.py")]
    assert not faults(others, used)
    assert faults(SOURCES, used)  # it is seen where it is


def test_nothing_is_unpickled() -> None:
    def pickles(path: Path) -> set[str]:
        imported = {alias.name for node in nodes(path) if isinstance(node, ast.Import) for alias in node.names}
        loads = {ast.unparse(n) for n in nodes(path) if isinstance(n, ast.Attribute)} & {"torch.load"}
        return imported & {"pickle", "dill", "cloudpickle", "joblib"} | loads

    assert not faults(SOURCES, pickles)


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


def test_every_test_can_fail() -> None:
    def idle(path: Path) -> set[str]:
        return {f.name for f in functions(path) if f.name.startswith("test_")} - functions_that_check(path)

    assert not faults((path for path in TESTS if path.name.startswith("test_")), idle)


def test_a_public_class_name_occurs_once() -> None:
    found: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in nodes(path):
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
