"""What stands out among the singular values."""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median

from eigenlm.analysis.finding import Finding, listed
from eigenlm.analysis.kinds import by_kind
from eigenlm.analysis.section import Results
from eigenlm.analysis.spectra.fault_findings import fault_findings
from eigenlm.analysis.spectra.matrix_spectrum import MatrixSpectrum
from eigenlm.analysis.spectra.measuring import Spectra
from eigenlm.analysis.spectra.tail_findings import tail_findings

# Beyond it, float16 activations (11 bits) no longer resolve the weakest direction beside the strongest.
_ILL_CONDITIONED = 2048.0
# Effective ranks that differ by less than a tenth are alike.
_ODD = math.log(1.1)


def spectra_findings(found: Spectra, _: Results) -> list[Finding]:
    """Faults, the model as a whole, its extremes, noise and power laws, and matrices that had to be left out."""
    matrices = found.matrices
    told = [*fault_findings(found), *_left_out(found)]
    if matrices:
        told += [_as_a_whole(found), *_extremes(matrices), _dominated(matrices)]
        told += [_condition(matrices), *_odd_one_out(matrices), *tail_findings(matrices)]
    return told


def _left_out(found: Spectra) -> list[Finding]:
    """Matrices without a spectrum for another reason than numbers that are not finite."""
    told = {one.name for one in found.entries if one.num_not_finite}
    others = [skipped for skipped in found.skipped if skipped.name not in told]
    if not others:
        return []
    text = (
        f"{len(others)} of {len(found.skipped) + len(found.matrices)} {'was' if len(others) == 1 else 'were'} left out:"
        f" {listed([skipped.name for skipped in others], most=3)}."
        f" The first because of this: {others[0].reason.rstrip('.')}."
    )
    return [Finding(heading="Not all matrices could be analysed", text=text, weight=1.0, section="table")]


def _as_a_whole(found: Spectra) -> Finding:
    totals = found.totals()
    share = totals["num_params_at_99"] / totals["num_params"]
    heading = (
        "Singular values alone shrink this model" if share < 0.9 else "Singular values alone do not shrink this model"
    )
    return Finding(
        heading=heading,
        text=f"Cut to the rank that keeps 99% of each matrix's energy, its {totals['num_matrices']} matrices would"
        f" still take {share:.1%} of their {totals['num_params']:,} parameters"
        f" ({totals['num_params_at_90'] / totals['num_params']:.1%} at 90% of the energy)."
        + ("" if share < 0.9 else " What can be cut, only the activations can tell."),
        weight=0.8,
        section="table",
    )


def _extremes(matrices: Sequence[MatrixSpectrum]) -> list[Finding]:
    def share(matrix: MatrixSpectrum) -> float:
        return matrix.rank_99 / len(matrix.singular_values)

    candidates = _sizeable(matrices)
    if len(candidates) < 2:
        return []
    most, least = min(candidates, key=share), max(candidates, key=share)
    kinds = {kind: [share(matrix) for matrix in rows] for kind, rows in by_kind(candidates).items()}
    easiest = min(kinds, key=lambda kind: median(kinds[kind]))
    return [
        Finding(
            heading="Most compressible",
            text=f"{most.name} keeps 99% of its energy in {most.rank_99} of {len(most.singular_values)} directions."
            f" Of all kinds, {easiest} needs the smallest part of its directions, {median(kinds[easiest]):.0%} in the"
            " median.",
            weight=0.35 + 0.3 * (1 - share(most)),
            matrix=most.name,
        ),
        Finding(
            heading="Least compressible",
            text=f"{least.name} needs {least.rank_99} of {len(least.singular_values)} directions for 99% of its energy:"
            " its spectrum is nearly flat.",
            weight=0.2,
            matrix=least.name,
        ),
    ]


def _dominated(matrices: Sequence[MatrixSpectrum]) -> Finding:
    sharpest = min(
        (matrix for matrix in _sizeable(matrices) if matrix.stable_rank > 0),
        key=lambda matrix: matrix.stable_rank,
        default=matrices[0],
    )
    top = 1 / sharpest.stable_rank if sharpest.stable_rank else 0.0
    middle = median(matrix.stable_rank for matrix in matrices)
    return Finding(
        heading="One direction above all",
        text=f"A single direction of {sharpest.name} carries {top:.0%} of its energy (stable rank"
        f" {sharpest.stable_rank:.1f}; the median over all matrices is {middle:.1f}).",
        weight=0.3 + 0.3 * top,
        matrix=sharpest.name,
    )


def _odd_one_out(matrices: Sequence[MatrixSpectrum]) -> list[Finding]:
    """The matrix whose effective rank lies furthest, by a factor, from the median of its kind."""
    rows = []
    for kind, same in by_kind(matrices).items():
        middle = median(max(row.effective_rank, 1.0) for row in same)
        rows += [(abs(math.log(max(row.effective_rank, 1.0) / middle)), row, kind, middle, len(same)) for row in same]
    strangeness, odd, kind, middle, count = max(rows, key=lambda row: row[0])
    if count < 3 or strangeness < _ODD:
        return []
    return [
        Finding(
            heading="Least like its kind",
            text=f"{odd.name} has an effective rank of {odd.effective_rank:.0f}; the median of the {count}"
            f" {kind} matrices is {middle:.0f}.",
            weight=0.25 + 0.3 * min(strangeness, 1.0),
            matrix=odd.name,
        )
    ]


def _condition(matrices: Sequence[MatrixSpectrum]) -> Finding:
    worst = max(matrices, key=lambda matrix: matrix.condition_number)
    many = [matrix for matrix in matrices if matrix.condition_number > _ILL_CONDITIONED]
    size = f"{worst.condition_number:,.0f}" if math.isfinite(worst.condition_number) else "infinite"
    if not many:
        text = f"No condition number exceeds {_ILL_CONDITIONED:,.0f}; the largest is {size}, of {worst.name}."
        return Finding(heading="Well conditioned throughout", text=text, weight=0.2, matrix=worst.name)
    bad = {matrix.name for matrix in many}
    counts = Counter({kind: sum(row.name in bad for row in rows) for kind, rows in by_kind(matrices).items()})
    kinds = [f"{count} {kind}" for kind, count in counts.most_common() if count]
    return Finding(
        heading="Badly conditioned",
        text=f"{len(many)} of {len(matrices)} have a condition number above {_ILL_CONDITIONED:,.0f}"
        f" ({listed(kinds, most=3)}); the largest is {size}, of {worst.name}. Half precision cannot resolve their"
        " weakest directions beside the strongest.",
        weight=0.4 + 0.2 * len(many) / len(matrices),
        matrix=worst.name,
    )


def _sizeable(matrices: Sequence[MatrixSpectrum]) -> list[MatrixSpectrum]:
    """Those of which a cut would be felt: at least a tenth of the largest full rank, more than one direction, not 0."""
    least = max(2.0, 0.1 * max(len(matrix.singular_values) for matrix in matrices))
    return [matrix for matrix in matrices if len(matrix.singular_values) >= least and matrix.spectral_norm > 0]
