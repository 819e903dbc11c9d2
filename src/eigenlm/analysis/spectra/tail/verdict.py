"""What the figures of a tail allow to say, in words."""

from typing import NamedTuple

from eigenlm.analysis.spectra.tail.alternatives import Alternative

SUPPORTED = "power law supported"
OPEN = "not distinguishable"
REJECTED = "rejected"
TOO_FEW = "too few values"

# Evidence against a law, as everywhere in statistics; and the doubt from which Clauset et al. no longer trust a fit.
_SIGNIFICANT, _DOUBTFUL = 0.05, 0.1
# A lognormal cut 2.6 standard deviations above its mean bends this much; where more cannot be excluded, it may be one.
LARGEST_BEND = 0.15


class Evidence(NamedTuple):
    """What a verdict rests on; the names are those of `Tail`."""

    num_tail: int
    goodness_p: float
    bend: float
    bend_high: float
    lognormal: Alternative
    truncated_power_law: Alternative
    exponential: Alternative


def verdict(evidence: Evidence) -> tuple[str, str]:
    """One of the fixed verdicts, and one sentence with the evidence for it.

    Rejected: the fit's p, or that of an alternative that fits better, is below 0.05. Supported: the fit's p is at least
    0.1, the exponential fits worse (p < 0.05), and the data exclude a bend of 0.15. Not distinguishable: neither.

    A lognormal or truncated power law can imitate a power law to any accuracy, so no likelihood ratio ever favours the
    power law over them. What can be shown is that they would have to imitate it closely: that is the bend's part.
    """
    against = _against(evidence)
    if against:
        return REJECTED, min(against)[1]
    missing = _missing(evidence)
    if missing:
        return OPEN, f"a power law fits the {evidence.num_tail} largest eigenvalues, but {missing[0]}"
    return SUPPORTED, (
        f"the {evidence.num_tail} largest eigenvalues fit a power law (p {_p(evidence.goodness_p)}), better than an "
        f"exponential (p {_p(evidence.exponential.p)}), and bend from it by at most {evidence.bend_high:.2f}"
    )


def _against(evidence: Evidence) -> list[tuple[float, str]]:
    """What speaks against the power law: each p and its sentence."""
    tail = f"the {evidence.num_tail} largest eigenvalues"
    found = [
        (other.p, f"{law} fits {tail} better, p {_p(other.p)}")
        for law, other in (
            ("a lognormal", evidence.lognormal),
            ("a truncated power law", evidence.truncated_power_law),
            ("an exponential", evidence.exponential),
        )
        if other.log_ratio < 0
    ]
    found.append((evidence.goodness_p, f"{tail} lie too far from their best power law, p {_p(evidence.goodness_p)}"))
    return [(p, sentence) for p, sentence in found if p < _SIGNIFICANT]


def _missing(evidence: Evidence) -> list[str]:
    """What the power law would still need."""
    exponential = evidence.exponential
    missing = []
    if exponential.log_ratio < 0 or exponential.p >= _SIGNIFICANT:
        missing.append(f"an exponential fits them about as well, p {_p(exponential.p)}")
    if evidence.bend_high >= LARGEST_BEND:
        missing.append(f"they may bend from it as a lognormal does: by up to {evidence.bend_high:.2f}")
    if evidence.goodness_p < _DOUBTFUL:
        missing.append(f"not well, p {_p(evidence.goodness_p)}")
    return missing


def _p(p: float) -> str:
    return f"= {p:.2g}" if p >= 1e-4 else "< 0.0001"
