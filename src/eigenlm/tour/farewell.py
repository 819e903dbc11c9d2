"""Step 6: what stays: a model of fewer numbers, a report, and three commands."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from rich.markup import escape

from eigenlm.analysis import Analysis
from eigenlm.analysis.page import PlannedRank, Report, write_report
from eigenlm.compression import Plan
from eigenlm.files import whole_folder
from eigenlm.tour.act import Shrunk
from eigenlm.tour.story import Story

LOW_RANK = "low-rank"  # the folder of the new model


def farewell(story: Story, model: str, analysis: Analysis, plan: Plan, shrunk: Shrunk, out: Path) -> list[str]:
    """Write the new model and the report into `out`, whole or not at all; give the next commands."""
    story.step("Keep it", "The new model is a folder like any other; the report is one file that needs no network.")
    planned = tuple(
        PlannedRank(name=action.name, rank=action.rank, num_params=action.num_params, loss=action.loss)
        for action in plan.actions
    )
    report = Report(analysis=analysis, plan=planned, before_after=shrunk.effect)
    with whole_folder(out) as folder:
        shrunk.lm.save(folder / LOW_RANK)
        write_report(report, folder / "report.html")
    story.say(f"[bold]{escape(str(out / 'report.html'))}[/]\n[bold]{escape(str(out / LOW_RANK))}[/]")
    commands = next_commands(out)
    story.to_paste("Next, for example:", commands)
    return commands


def next_commands(out: Path) -> list[str]:
    """Three command lines that work as they stand, from here."""
    low_rank, page = shlex.quote(str(out / LOW_RANK)), shlex.quote(str(out / f"{LOW_RANK}.html"))
    return [
        f"{_eigenlm()} chat {low_rank}",
        f"{_eigenlm()} analyze {low_rank} --html {page}",
        f"{_eigenlm()} tour --keep 0.8",
    ]


def _eigenlm() -> str:
    """How to call this installation from here: by name where that finds it, else by path."""
    program = Path(sys.executable).with_name("eigenlm")
    if shutil.which("eigenlm") == str(program) or not program.exists():
        return "eigenlm"
    return shlex.quote(os.path.relpath(program))
