"""One offline HTML page to read an analysis in."""

from eigenlm.analysis.page.effect import BeforeAfter, Measured, Planned
from eigenlm.analysis.page.page import assembled, write_report
from eigenlm.analysis.page.report import Report
from eigenlm.analysis.page.table import table_data

__all__ = ["BeforeAfter", "Measured", "Planned", "Report", "assembled", "table_data", "write_report"]
