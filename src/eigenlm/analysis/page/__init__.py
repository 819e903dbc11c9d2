"""One offline HTML page to read an analysis in."""

from eigenlm.analysis.page.effect import BeforeAfter, Measured, PlannedRank
from eigenlm.analysis.page.page import write_report
from eigenlm.analysis.page.report import Report

__all__ = ["BeforeAfter", "Measured", "PlannedRank", "Report", "write_report"]
