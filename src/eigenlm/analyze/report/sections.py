"""The sections a report has, and what would add those that it has not."""

from typing import TYPE_CHECKING, NamedTuple

from eigenlm.analyze.analysis import Analysis

if TYPE_CHECKING:
    from eigenlm.analyze.report.page import Report


class Absent(NamedTuple):
    """A section that is not in a report, and why, or the command that adds it."""

    what: str
    why: str


_MEASURED = {"activations": "Activations", "curvature": "Curvature", "senses": "Senses of a word"}
_ADDS = {
    "activations": "`eigenlm analyze MODEL --text FILE` adds them",
    "curvature": "`eigenlm analyze MODEL --curvature` adds it",
    "senses": "`eigenlm analyze MODEL --text FILE` adds them, for a model that can be run",
}


def sections(report: "Report") -> list[tuple[str, str]]:
    """The id and the heading of each section, in order."""
    listed = [("effect", "Before and after")] if report.before_after else []
    listed += [("findings", "What stands out"), ("map-section", "At a glance"), ("matrix", "One matrix")]
    listed += [("plan", "The plan")] if report.plan else []
    listed += [("table", "Every matrix")]
    listed += [(key, label) for key, label in _MEASURED.items() if report.analysis.sections()[key]]
    return [*listed, ("python-section", "In Python"), ("terms", "The words")]


def absent(analysis: Analysis) -> list[Absent]:
    """The sections that were not measured, each with a line."""
    lines = [
        Absent(label, _ADDS[key])
        for key, label in _MEASURED.items()
        if analysis.sections()[key] is None and key not in analysis.left_out
    ]
    return lines + [Absent(_MEASURED.get(key, key), reason) for key, reason in analysis.left_out.items()]
