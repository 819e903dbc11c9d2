"""The parts that a page has, and what would add those that it has not."""

import shlex
from collections.abc import Mapping
from typing import NamedTuple

from eigenlm.analysis import sections
from eigenlm.analysis.page.report import Report
from eigenlm.analysis.page_part import PagePart


class Absent(NamedTuple):
    """A section that is not on a page: the command that adds it, or why it could not be had."""

    what: str
    command: str = ""
    reason: str = ""


def contents(report: Report, shown: Mapping[str, PagePart]) -> list[tuple[str, str]]:
    """The id and the heading of everything on the page, in order."""
    above = [link for part in shown.values() if part.of_matrix for link in part.links]
    below = [link for part in shown.values() if not part.of_matrix for link in part.links]
    listed = [("map-section", "At a glance")]
    listed += [("effect", "Before and after")] if report.before_after else []
    listed += [("findings", "What stands out"), *above]
    listed += [("plan", "The plan")] if report.plan else []
    return [*listed, ("table", "Every matrix"), *below, ("python-section", "In Python"), ("terms", "The words")]


def absent(report: Report) -> list[Absent]:
    """The sections that were not measured, each with a line."""
    results, left_out = report.analysis.results, report.analysis.left_out
    missing = [s for s in sections.SECTIONS if s.adds and s.name not in results and s.name not in left_out]
    titles = {section.name: section.title for section in sections.SECTIONS}
    command = f"eigenlm analyze {shlex.quote(report.analysis.about.model)}"
    return [
        *(Absent(section.title, command=f"{command} {section.adds}") for section in missing),
        *(Absent(titles.get(name, name), reason=reason) for name, reason in left_out.items()),
    ]
