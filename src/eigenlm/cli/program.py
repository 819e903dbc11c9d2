"""From the words of a command line to a command that ran, and from an error to one line and an exit code."""

import importlib
import io
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, redirect_stdout, suppress
from importlib.metadata import version
from pathlib import Path

import tyro
from rich.markup import escape
from rich.table import Table

from eigenlm.cli.boundary import (
    INTERRUPTED,
    TERMINATED,
    USER_ERROR,
    Terminated,
    hushed,
    is_first_here,
    leave_to_the_first,
    obeyed_signals,
    one_line,
    standard_streams,
)
from eigenlm.cli.command import Command
from eigenlm.cli.early import OUTPUTS, ready
from eigenlm.cli.options import use_threads
from eigenlm.errors import ConfigError, RankToldError, did_you_mean, explain, nearest, visible
from eigenlm.files import check_output, check_regular
from eigenlm.settings import config_file, setting, unknown_variables
from eigenlm.terminal import Terminal, tell

# Module and class of each command; imported only when asked for, and importing torch only when run.
COMMANDS = {
    "tour": ("tour", "TourCommand"),
    "chat": ("chat", "ChatCommand"),
    "generate": ("generate", "GenerateCommand"),
    "list": ("list", "ListCommand"),
    "info": ("info", "InfoCommand"),
    "train": ("train", "TrainCommand"),
    "race": ("race", "RaceCommand"),
    "perplexity": ("perplexity", "PerplexityCommand"),
    "analyze": ("analyze", "AnalyzeCommand"),
    "plan": ("plan", "PlanCommand"),
    "apply": ("apply", "ApplyCommand"),
    "knob": ("knob", "KnobCommand"),
    "measure": ("measure", "MeasureCommand"),
    "export": ("export", "ExportCommand"),
    "quantize": ("quantize", "QuantizeCommand"),
    "repair": ("repair", "RepairCommand"),
    "embed": ("embed", "EmbedCommand"),
    "search": ("search", "SearchCommand"),
    "tokenizer train": ("tokenizer_train", "TokenizerTrainCommand"),
    "vectors train": ("vectors.train", "VectorsTrainCommand"),
    "vectors ask": ("vectors.ask", "VectorsAskCommand"),
    "vectors neighbours": ("vectors.neighbours", "VectorsNeighboursCommand"),
    "vectors similarity": ("vectors.similarity", "VectorsSimilarityCommand"),
    "vectors odd-one-out": ("vectors.odd_one_out", "VectorsOddOneOutCommand"),
    "vectors axis": ("vectors.axis", "VectorsAxisCommand"),
    "vectors bias": ("vectors.bias", "VectorsBiasCommand"),
    "vectors word": ("vectors.word", "VectorsWordCommand"),
    "vectors evaluate": ("vectors.evaluate", "VectorsEvaluateCommand"),
    "vectors map": ("vectors.map", "VectorsMapCommand"),
    "vectors convert": ("vectors.convert", "VectorsConvertCommand"),
    "vectors compress": ("vectors.compress", "VectorsCompressCommand"),
    "vectors index": ("vectors.index", "VectorsIndexCommand"),
    "vectors align": ("vectors.align", "VectorsAlignCommand"),
    "vectors reshape": ("vectors.reshape", "VectorsReshapeCommand"),
    "doctor": ("doctor", "DoctorCommand"),
    "completion": ("completion", "CompletionCommand"),
}
_GROUPS = {name.split()[0] for name in COMMANDS if " " in name}
EXIT_CODES = {
    0: "done",
    USER_ERROR: "not done: one line on standard error says why and what to do",
    INTERRUPTED: "stopped by Ctrl-C",
    TERMINATED: "stopped by SIGTERM",
}
# What other programs call it.
_ELSEWHERE = {
    "run": "chat",
    "complete": "generate",
    "ls": "list",
    "show": "info",
    "inspect": "analyze",
    "eval": "measure",
}
_ELSEWHERE |= {"finetune": "train", "compress": "plan", "prune": "plan", "convert": "export"}
_ELSEWHERE |= {"version": "--version", "commands": "help"}
_WHOLE = "no output was left half-written"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: the words after the program's name; those of this process by default.

    Returns:
        the exit code, one of `EXIT_CODES`.

    Raises:
        SystemExit: as --help does.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    with standard_streams(), obeyed_signals() if argv is None else nullcontext():
        if sys.stdout is None:
            return _fail("standard output is closed; open it, or send it to /dev/null", USER_ERROR)
        try:
            return _flushed([word for word in words if word != "--debug"])
        except KeyboardInterrupt:
            return _fail(f"interrupted; {_WHOLE}", INTERRUPTED)
        except Terminated:
            # A rank that torchrun ends has nothing to say: another one has failed.
            return TERMINATED if "LOCAL_RANK" in os.environ else _fail(f"terminated; {_WHOLE}", TERMINATED)
        except BrokenPipeError:
            return 0  # whoever read our output has left
        except SystemExit as end:
            if end.code == USER_ERROR:  # of options that do not fit
                leave_to_the_first(end)
            raise
        except BaseException as error:  # a panic of the tokenizer library is no Exception
            leave_to_the_first(error)
            if "--debug" in words:
                traceback.print_exc()
            return _fail(one_line(error), USER_ERROR)


def _flushed(words: list[str]) -> int:
    try:
        return _dispatch(words)
    except RankToldError:
        return USER_ERROR
    finally:  # also before an exit, as after --help
        sys.stdout.flush()


def load_command(name: str) -> type[Command]:
    """The class of a command, without the libraries it will need."""
    module, cls = COMMANDS[name]
    found: type[Command] = getattr(importlib.import_module(f"eigenlm.cli.{module}"), cls)
    return found


def parse(name: str, words: Sequence[str]) -> Command:
    """The command `name` with its options; exits with help on --help and with code 2 on options that do not fit."""
    return tyro.cli(
        load_command(name),
        prog=f"eigenlm {name}",
        args=words,
        console_outputs=is_first_here(),
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
    )


def help_of(name: str) -> str:
    """What `eigenlm NAME --help` prints."""
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        parse(name, ["--help"])
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def check_places(command: Command) -> None:
    """Refuse a command that would write over what it reads or, unless it says `overwrite`, over a model.

    Raises:
        DataError: see `files.check_output`.
    """
    given = vars(command)
    read = [value for name, value in given.items() if name not in OUTPUTS]
    each = [one for value in read for one in (value if isinstance(value, tuple) else (value,))]
    inputs = [Path(one) for one in each if isinstance(one, str | Path)]
    for output in (getattr(command, name, None) for name in OUTPUTS):
        if output is not None:
            check_output(output, inputs=inputs, overwrite=given.get("overwrite", False))
    if given.get("html") is not None:
        check_regular(given["html"])


def _dispatch(words: list[str]) -> int:
    if words[:1] == ["help"]:
        words = [*(word for word in words if word != "help"), "--help"]
    if not words or words[0] in ("-h", "--help"):
        _print_overview()
        return 0
    if words[0] in _GROUPS and (len(words) == 1 or words[1] in ("-h", "--help")):
        _print_group(words[0])
        return 0
    if words[0] in ("-V", "--version"):
        print(f"eigenlm {version('eigenlm')}")
        return 0
    for count in (2, 1):
        if (name := " ".join(words[:count])) in COMMANDS:
            command = parse(name, words[count:])
            check_places(command)
            compute = getattr(command, "compute", None)
            use_threads(setting("threads").value if compute is None else compute.threads)
            with hushed(command.quiet):
                for line in unknown_variables():
                    tell(f"note: {line}")
                with ready(command) as command:
                    command.run()
            return 0
    if words[0] in _GROUPS:
        own = [name.removeprefix(f"{words[0]} ") for name in COMMANDS if name.startswith(f"{words[0]} ")]
        raise ConfigError(nearest(f"command of eigenlm {words[0]}", words[1], own))
    other = _ELSEWHERE.get(words[0].lower())
    hint = f"did you mean {other!r}?" if other else did_you_mean(words[0], COMMANDS, "see eigenlm --help")
    raise ConfigError(explain("command", expected=f"one of {', '.join(COMMANDS)}", got=repr(words[0]), do=hint))


def _what_each_does(names: Iterable[str]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    for name in names:
        table.add_row(f"[bold]{name}[/]", (load_command(name).__doc__ or "").splitlines()[0])
    return table


def _usage(command: str) -> str:
    return f"usage: [bold]eigenlm {command}[/] ...    with [bold]--help[/] for its options\n"


def _print_group(group: str) -> None:
    console = Terminal()
    console.print(_usage(f"{group} COMMAND"))
    console.print(_what_each_does(name for name in COMMANDS if name.startswith(f"{group} ")))


def _print_overview() -> None:
    console = Terminal()
    console.print(_usage("COMMAND"))
    console.print(_what_each_does(COMMANDS))
    console.print(
        "\nMODEL is a folder, a .gguf file, a name that [bold]eigenlm list[/] shows, or a Hub name."
        "\nA first look at all of it, on a real model: [bold]eigenlm tour[/]"
        "\nEvery command takes --json, --quiet (-q), and --debug, which shows where an error was raised."
        "\nDefaults of --device, --dtype, --threads and the folder of models: EIGENLM_DEVICE, EIGENLM_DTYPE,"
        f" EIGENLM_THREADS, EIGENLM_MODELS, or {escape(str(config_file()))}"
        "\nExit codes:\n" + "\n".join(f"  {code:<3}  {meaning}" for code, meaning in EXIT_CODES.items()),
        highlight=False,
    )


def _fail(line: str, code: int) -> int:
    with suppress(OSError):  # where standard error is full, the code alone tells
        print(visible("eigenlm: " + " ".join(line.split())), file=sys.stderr, flush=True)
    return code
