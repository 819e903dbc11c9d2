"""One offline HTML page to read an analysis in."""

from eigenlm.analysis.report.effect import BeforeAfter, Measured, PlannedRank
from eigenlm.analysis.report.page import write_report
from eigenlm.analysis.report.report import Report

__all__ = ["BeforeAfter", "Measured", "PlannedRank", "Report", "write_report"]
