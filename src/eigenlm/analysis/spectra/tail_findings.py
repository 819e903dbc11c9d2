"""What stands out where spectra are held against noise and power laws."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from eigenlm.analysis.finding import Finding
from eigenlm.analysis.kinds import by_kind
from eigenlm.analysis.spectra.matrix_spectrum import MatrixSpectrum

_MANY = 0.5


def tail_findings(matrices: Sequence[MatrixSpectrum]) -> list[Finding]:
    """Whether alpha may be read, and how much of the model is noise."""
    return [*_power_laws(matrices), *_widest(matrices), *_noise(matrices)]


def _power_laws(matrices: Sequence[MatrixSpectrum]) -> list[Finding]:
    fitted = [matrix for matrix in matrices if matrix.tail is not None and matrix.tail.alpha is not None]
    if not fitted:
        return []
    counts = Counter(matrix.tail.verdict for matrix in fitted if matrix.tail is not None)
    rejected, supported = counts["rejected"], counts["power law supported"]
    open_ = len(fitted) - rejected - supported
    text = (
        f"Of {len(fitted)} matrices with enough eigenvalues, a power law is rejected for {rejected}, supported for"
        f" {supported}, and for {open_} the data do not tell it from other laws. "
    )
    if supported >= _MANY * len(fitted):
        heading, advice = "Most tails are power laws", "There, alpha may be read, with its interval."
    else:
        heading, advice = (
            "Read no quality from alpha",
            "Where it is not supported, alpha describes a fit, not the matrix.",
        )
    return [Finding(heading=heading, text=text + advice, weight=0.75, section="table")]


def _widest(matrices: Sequence[MatrixSpectrum]) -> list[Finding]:
    """How far apart the ends of an exponent's interval lie, at the median matrix."""
    widths = [
        (matrix.tail.alpha_high - matrix.tail.alpha_low, matrix)
        for matrix in matrices
        if matrix.tail is not None and matrix.tail.alpha_low is not None and matrix.tail.alpha_high is not None
    ]
    if len(widths) < 3:
        return []
    width, widest = max(widths, key=lambda pair: pair[0])
    tail = widest.tail
    if tail is None or tail.alpha is None:
        return []
    return [
        Finding(
            heading="How well alpha is known",
            text=f"The 95% interval of alpha is {median(width for width, _ in widths):.1f} wide at the median matrix,"
            f" and {width:.1f} at {widest.name} ({tail.alpha_low:.1f} to {tail.alpha_high:.1f} around"
            f" {tail.alpha:.1f}): two matrices whose alphas differ by less cannot be told apart by it.",
            weight=0.3,
            matrix=widest.name,
        )
    ]


def _noise(matrices: Sequence[MatrixSpectrum]) -> list[Finding]:
    kinds: dict[str, list[float]] = {}
    shares = []
    for kind, rows in by_kind(matrices).items():
        for matrix in rows:
            if matrix.noise is not None and matrix.noise.num_spikes is not None and matrix.spectral_norm:
                inside = 1 - matrix.noise.num_spikes / len(matrix.singular_values)
                shares.append((inside, matrix))
                kinds.setdefault(kind, []).append(inside)
    if not shares:
        return []
    inside, most = max(shares, key=lambda pair: pair[0])
    energy = 1 - (most.noise.spike_energy or 0.0) if most.noise is not None else 0.0
    noisiest = max(kinds, key=lambda kind: median(kinds[kind]))
    middle = median(share for share, _ in shares)
    return [
        Finding(
            heading="What looks like noise",
            text=f"In the median matrix, {middle:.0%} of the directions lie inside the Marchenko-Pastur bulk, where"
            f" random numbers would put them too; of all kinds, {noisiest} has most of them"
            f" ({median(kinds[noisiest]):.0%}). In {most.name} it is {inside:.0%} of the directions, with {energy:.0%}"
            " of the energy. That does not make them useless: small directions can matter to what the activations use.",
            weight=0.45 + 0.2 * middle,
            matrix=most.name,
        )
    ]
