"""What stands out in an analysis, as sentences for a reader."""

from eigenlm.analyze.analysis import Analysis
from eigenlm.analyze.findings.finding import Finding
from eigenlm.analyze.findings.spectra import spectra_findings

__all__ = ["Finding", "findings"]


def findings(analysis: Analysis) -> tuple[Finding, ...]:
    """What a reader should know, the most telling first; what had to be left out comes before all."""
    found = spectra_findings(analysis)
    return tuple(sorted(found, key=lambda finding: -finding.weight))
