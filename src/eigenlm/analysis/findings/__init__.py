"""What stands out in an analysis, as sentences for a reader."""

from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.findings.activations import activation_findings
from eigenlm.analysis.findings.curvature import curvature_findings
from eigenlm.analysis.findings.finding import Finding
from eigenlm.analysis.findings.senses import sense_findings
from eigenlm.analysis.findings.spectra import spectra_findings
from eigenlm.analysis.findings.tails import tail_findings

__all__ = ["Finding", "findings"]

_SECTIONS = (spectra_findings, tail_findings, activation_findings, curvature_findings, sense_findings)


def findings(analysis: Analysis) -> tuple[Finding, ...]:
    """What a reader should know, the most telling first; what had to be left out comes before all."""
    found = [finding for section in _SECTIONS for finding in section(analysis)]
    return tuple(sorted(found, key=lambda finding: -finding.weight))
