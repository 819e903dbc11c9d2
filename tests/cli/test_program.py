"""The command line as a whole: help, exit codes, and one line for each error."""

import re
import signal
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from eigenlm.allowed import GOALS
from eigenlm.cli import program
from eigenlm.errors import DataError


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in program.COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"], ["tour", "--help"]])
def test_help_does_without_torch(words: list[str]) -> None:
    """Importing torch takes seconds; help must come at once."""
    script = (
        "import sys\nfrom eigenlm.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as end:\n    assert not end.code\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version_is_that_of_the_package(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([word]) == 0
    assert capsys.readouterr().out.startswith("eigenlm 0.")


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["help"], ["--help"]),
        (["help", "--help"], ["--help"]),
        (["help", "generate"], ["generate", "--help"]),
        (["help", "tokenizer", "train"], ["tokenizer", "train", "--help"]),
    ],
)
def test_help_is_a_command_too(words: list[str], same: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for line in (words, same):
        with suppress(SystemExit):
            assert program.main(line) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "usage: eigenlm " + " ".join(same[:-1]) in printed[0]


def test_help_of_no_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["help", "analyse"]) == 2
    assert "did you mean 'analyze'?" in capsys.readouterr().err


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    program.main(["--help"])
    told = [line.split() for line in capsys.readouterr().out.partition("Exit codes")[2].splitlines()]
    assert [line[0] for line in told if line and line[0].isdigit()] == ["0", "2", "130", "143"]


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["analyse"]) == 2
    assert "'analyze'" in capsys.readouterr().err


def test_a_quiet_tour_prints_what_it_leaves(monkeypatch, capsys) -> None:
    import eigenlm.tour

    def walk(story: eigenlm.tour.Story, **_: object) -> SimpleNamespace:
        story.say("Once upon a time")
        return SimpleNamespace(report="report.html", smaller="smaller", seconds=1.0)

    monkeypatch.setattr(eigenlm.tour, "walk", walk)
    assert program.main(["tour", "-q"]) == 0
    assert capsys.readouterr() == ("report.html\nsmaller\n", "")


@pytest.mark.parametrize("name", program.COMMANDS)
def test_unknown_option_is_a_usage_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program.main([*name.split(), "--no-such-option"])
    assert end.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", program.COMMANDS)
def test_commands_have_few_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """At most ten of its own; where a model runs, and --json, are said the same way everywhere.

    Goals of a plan, of which one is given, count as one.
    """
    with pytest.raises(SystemExit):
        program.main([*name.split(), "--help"])
    words = capsys.readouterr().out.replace("[", " ").split()
    shared = {"--help", "--json", "--quiet", "--device", "--dtype", "--threads", "--adapter", "--control"}
    goals = {f"--{goal.replace('_', '-')}" for goal in GOALS[1:]}
    assert len({word for word in words if re.match("--[a-z]", word)} - shared - goals) <= 10


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("reading x: expected\ntext, got none"), 2, "eigenlm: reading x: expected text, got none\n"),
        (KeyboardInterrupt(), 130, "eigenlm: interrupted; no output was left half-written\n"),
    ],
)
def test_errors_become_one_line_and_a_code(monkeypatch, capsys, error: BaseException, code: int, line: str) -> None:
    def fail(words: list[str]) -> int:
        raise error

    monkeypatch.setattr(program, "_dispatch", fail)
    assert program.main(["info", "x"]) == code
    assert capsys.readouterr() == ("", line)


@pytest.mark.parametrize("words", [["info", "/no/such"], ["info", "--no-such-option"], ["inf"]])
def test_ranks_that_have_not_met_leave_it_to_the_first_to_tell(monkeypatch, capsys, words: list[str]) -> None:
    """As under torchrun, which ends the others when the first has ended, and where it does not."""
    monkeypatch.setenv("LOCAL_RANK", "1")
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("eigenlm.cli.boundary.time.sleep", lambda _: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as end:
        program.main(words)
    assert end.value.code == 2
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("eigenlm.cli.boundary.time.sleep", lambda _: None)
    with suppress(SystemExit):
        program.main(words)
    assert capsys.readouterr().err.count("\n") == (words[1:] != ["--no-such-option"])
    signal.signal(signal.SIGTERM, before)


def test_what_one_rank_alone_found_is_told_by_it(monkeypatch, capsys) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    error = DataError("no room")
    error.add_note("rank 1 of 2")

    def fail(words: list[str]) -> int:
        raise DataError("training: no room") from error

    monkeypatch.setattr(program, "_dispatch", fail)
    monkeypatch.setattr("eigenlm.cli.boundary.time.sleep", lambda _: pytest.fail("waited"))
    assert program.main(["info", "x"]) == 2
    assert capsys.readouterr().err == "eigenlm: training: no room\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m eigenlm doctor --seconds 0.001 | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(5, "Input/output error", "/disk/x"), "Input/output error"),
        (MemoryError(), "out of memory"),
        (
            RuntimeError("[enforce fail]\n DefaultCPUAllocator: can't allocate memory: you\n tried"),
            "out of memory",
        ),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), "surrogates not allowed"),
        (ZeroDivisionError("division\nby zero"), "ZeroDivisionError: division by zero"),
        (type("PanicException", (BaseException,), {})("index\nout of bounds"), "PanicException: index out of bounds"),
    ],
)
def test_whatever_is_raised_becomes_one_line(monkeypatch, capsys, error: BaseException, told: str) -> None:
    def fail(words: list[str]) -> int:
        assert words == ["info", "x"]
        raise error

    monkeypatch.setattr(program, "_dispatch", fail)
    assert program.main(["info", "x"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("eigenlm: ")
    assert told in err
    assert err.count("\n") == 1
    assert program.main(["info", "--debug", "x"]) == 2
    assert "raise error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "lines"),
    [
        ("--help >&-", 2, 1),
        ("--version >/dev/full", 2, 1),
        ("info --help >/dev/full", 2, 1),
        ("info /no/such 2>&-", 2, 0),
        ("info /no/such 2>/dev/full", 2, 0),
        ("info $'/no/\\xff\\x1b[31m'", 2, 1),
    ],
)
def test_streams_that_are_closed_or_full(words: str, code: int, lines: int) -> None:
    command = f"{sys.executable} -m eigenlm {words}"
    done = subprocess.run(["bash", "-c", command], capture_output=True)
    assert done.returncode == code
    assert done.stderr.count(b"\n") == lines
    assert b"\x1b" not in done.stderr
