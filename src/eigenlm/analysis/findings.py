"""What stands out in an analysis, as sentences for a reader."""

from eigenlm.analysis import sections
from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.finding import Finding

__all__ = ["Finding", "findings"]


def findings(analysis: Analysis) -> tuple[Finding, ...]:
    """What a reader should know, the most telling first; what had to be left out comes before all."""
    found = [
        finding
        for section in sections.SECTIONS
        if section.name in analysis.results
        for finding in section.findings(analysis.results[section.name], analysis.results)
    ]
    return tuple(sorted(found, key=lambda finding: -finding.weight))
