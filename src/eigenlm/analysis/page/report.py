"""What a page is made from."""

from dataclasses import dataclass

from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.page.effect import BeforeAfter, Planned


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a page shows.

    Attributes:
        analysis: what was found, and what it is of.
        plan: what happens to each matrix that a plan touches.
        before_after: what came of it.
    """

    analysis: Analysis
    plan: tuple[Planned, ...] = ()
    before_after: BeforeAfter | None = None
