"""One offline HTML page to read an analysis in."""

from eigenlm.analyze.report.effect import BeforeAfter, Measured, PlannedRank
from eigenlm.analyze.report.page import Report, write_report

__all__ = ["BeforeAfter", "Measured", "PlannedRank", "Report", "write_report"]
