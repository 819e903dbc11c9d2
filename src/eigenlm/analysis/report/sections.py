"""The sections a report has, and what would add those that it has not."""

import shlex
from typing import NamedTuple

from eigenlm.analysis.report.report import Report


class Absent(NamedTuple):
    """A section that is not in a report: the command that adds it, or why it could not be had."""

    what: str
    command: str = ""
    reason: str = ""


_MEASURED = {"activations": "Activations", "curvature": "Curvature", "senses": "Senses of a word"}
_OPTIONS = {"activations": "--text FILE", "curvature": "--curvature", "senses": "--senses FILE"}


def sections(report: Report) -> list[tuple[str, str]]:
    """The id and the heading of each section, in order."""
    listed = [("effect", "Before and after")] if report.before_after else []
    listed += [("findings", "What stands out"), ("map-section", "At a glance"), ("matrix", "One matrix")]
    listed += [("plan", "The plan")] if report.plan else []
    listed += [("table", "Every matrix")]
    listed += [(key, label) for key, label in _MEASURED.items() if report.analysis.sections()[key]]
    return [*listed, ("python-section", "In Python"), ("terms", "The words")]


def absent(report: Report) -> list[Absent]:
    """The sections that were not measured, each with a line."""
    analysis = report.analysis
    missing = [key for key in _MEASURED if analysis.sections()[key] is None and key not in analysis.left_out]
    command = f"eigenlm analyze {shlex.quote(report.model)}"
    return [
        *(Absent(_MEASURED[key], command=f"{command} {_OPTIONS[key]}") for key in missing),
        *(Absent(_MEASURED.get(key, key), reason=reason) for key, reason in analysis.left_out.items()),
    ]
