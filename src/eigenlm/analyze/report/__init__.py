"""One offline HTML page to read an analysis in."""

from eigenlm.analyze.report.effect import BeforeAfter, Measured, PlannedRank
from eigenlm.analyze.report.page import write_report
from eigenlm.analyze.report.report import Report

__all__ = ["BeforeAfter", "Measured", "PlannedRank", "Report", "write_report"]
