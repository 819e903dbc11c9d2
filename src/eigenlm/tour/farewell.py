"""Step 6: what stays: a smaller model, a report, and three commands."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from eigenlm.analysis import Analysis
from eigenlm.analysis.page import Planned, Report, write_report
from eigenlm.checkpoint import misread_by_llama_cpp, write_gguf
from eigenlm.compression import Plan
from eigenlm.files import whole_folder
from eigenlm.tour.act import KEPT, Shrunk
from eigenlm.tour.story import Story

SMALLER = "smaller"  # the name of the new model


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a tour leaves behind.

    Attributes:
        smaller: the new model's file or folder.
        report: the page.
        next_commands: three command lines to go on with.
    """

    smaller: Path
    report: Path
    next_commands: tuple[str, ...]


def farewell(story: Story, model: str, analysis: Analysis, plan: Plan, shrunk: Shrunk, out: Path) -> Left:
    """Write the new model and the report into `out`, whole or not at all; give the next commands."""
    holds = "a GGUF file, which llama.cpp and ollama open as well" if shrunk.in_gguf else "a folder like any other"
    story.step("Keep it", f"The new model is {holds}; the report is one file that needs no network.")
    planned = tuple(
        Planned(
            name=each.name,
            label=each.action.label,
            bits_before=each.bits_before,
            bits=each.bits,
            loss=each.loss,
            rank=each.rank,
        )
        for each in plan.actions
    )
    report = Report(analysis=analysis, plan=planned, before_after=shrunk.effect)
    name = f"{SMALLER}.gguf" if shrunk.in_gguf else SMALLER
    with whole_folder(out) as folder:
        misread = _write(shrunk, folder / name)
        write_report(report, folder / "report.html")
    story.say(f"[bold]{escape(str(out / 'report.html'))}[/]\n[bold]{escape(str(out / name))}[/]")
    if misread:
        story.say(f"Note: {escape(misread)}")
    commands = next_commands(out, out / name)
    story.to_paste("Next, for example:", commands)
    return Left(smaller=out / name, report=out / "report.html", next_commands=tuple(commands))


def _write(shrunk: Shrunk, path: Path) -> str | None:
    """Returns what llama.cpp computes otherwise than the model, if anything; what no plan touched stays as it is."""
    lm = shrunk.lm
    if not shrunk.in_gguf:
        lm.save(path)
        return None
    family = write_gguf(path, lm.model, storage=KEPT, **lm.foreign_parts)
    return misread_by_llama_cpp(family, lm.config, lm.generation.vectors)


def next_commands(out: Path, smaller: Path) -> list[str]:
    """Three command lines that work as they stand, from here."""
    small, page = shlex.quote(str(smaller)), shlex.quote(str(out / f"{SMALLER}.html"))
    return [
        f"{_eigenlm()} chat {small}",
        f"{_eigenlm()} analyze {small} --html {page}",
        f"{_eigenlm()} tour --max-loss 0.2",
    ]


def _eigenlm() -> str:
    """How to call this installation from here: by name where that finds it, else by path."""
    program = Path(sys.executable).with_name("eigenlm")
    if shutil.which("eigenlm") == str(program) or not program.exists():
        return "eigenlm"
    return shlex.quote(os.path.relpath(program))
