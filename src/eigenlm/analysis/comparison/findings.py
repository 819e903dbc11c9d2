"""What stands out between two models, as sentences for a reader."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from eigenlm.analysis.comparison.comparison import Change, Comparison, MatrixChange, SubspaceOverlap
from eigenlm.analysis.comparison.table import percent
from eigenlm.analysis.finding import Finding, listed
from eigenlm.analysis.kinds import by_kind

# A change counts as low-rank when nine tenths of it lie in a tenth of the directions; independent changes of the
# entries would spread them over more than half.
_LOW_RANK = 0.1


class _Changed(NamedTuple):
    """A matrix that changed: its name, by what part of itself, and how."""

    name: str
    part: float
    change: Change


def comparison_findings(comparison: Comparison) -> tuple[Finding, ...]:
    """What a reader should know, the most telling first."""
    changed = [
        _Changed(matrix.name, matrix.rel_change, matrix.change)
        for matrix in comparison.matrices
        if matrix.change is not None and matrix.rel_change is not None
    ]
    unmatched = _unmatched(comparison)
    found = [_as_a_whole(comparison, complete=not unmatched), *unmatched]
    if changed:
        found += [
            _most_changed(comparison.matrices, changed),
            _rank_of_change(changed),
            *_factored(comparison.matrices),
        ]
        found += _directions(changed)
    return tuple(sorted(found, key=lambda finding: -finding.weight))


def _as_a_whole(comparison: Comparison, *, complete: bool) -> Finding:
    totals = comparison.totals()
    vectors = f" {len(comparison.vectors)} vectors changed too." if comparison.vectors else ""
    if not totals["num_changed"]:
        heading = "The same model" if complete and not comparison.vectors else "No matrix changed"
        text = f"All {totals['num_compared']} matrices that could be compared are identical, number by number."
        return Finding(heading=heading, text=text + vectors, weight=1.0, section="table")
    overall = "" if totals["rel_change"] is None else f", all together by {percent(totals['rel_change'])} of their norm"
    same = totals["num_identical"]
    return Finding(
        heading="What changed",
        text=f"{totals['num_changed']} of {totals['num_compared']} matrices changed{overall}."
        + (f" {same} stayed identical, number by number." if same else "")
        + vectors,
        weight=1.0,
        section="table",
    )


def _unmatched(comparison: Comparison) -> list[Finding]:
    parts = []
    for names, where in (
        (comparison.only_before, "only in the first model"),
        (comparison.only_after, "only in the second"),
        ([other.name for other in comparison.other_shapes], "of other sizes in the two"),
        ([skipped.name for skipped in comparison.skipped], "left out"),
    ):
        if names:
            parts.append(f"{len(names)} {where} ({listed(names, most=2)})")
    if not parts:
        return []
    text = f"These could not be compared: {'; '.join(parts)}."
    return [Finding(heading="Not everything has a partner", text=text, weight=0.9, section="table")]


def _most_changed(matrices: Sequence[MatrixChange], changed: Sequence[_Changed]) -> Finding:
    most = max(changed, key=lambda matrix: matrix.part)
    parts = {
        kind: [row.rel_change for row in rows if row.change is not None and row.rel_change is not None]
        for kind, rows in by_kind(matrices).items()
    }
    kinds = sorted(((median(found), kind) for kind, found in parts.items() if found), reverse=True)
    order = listed([f"{kind} ({percent(part)})" for part, kind in kinds], most=4)
    return Finding(
        heading="Changed most",
        text=f"{most.name} changed by {percent(most.part)} of its norm. By kind, the median over layers: {order}.",
        weight=0.8,
        matrix=most.name,
    )


def _rank_of_change(changed: Sequence[_Changed]) -> Finding:
    shares = [matrix.change.rank_90 / matrix.change.full_rank for matrix in changed]
    low = [matrix.name for matrix, share in zip(changed, shares) if share <= _LOW_RANK]
    ranks = {matrix.change.rank for matrix in changed}
    middle = f"In the median matrix nine tenths of the change lie in {median(shares):.0%} of the directions"
    if ranks == {0}:
        text = "Rounding to the precision in which the matrices are stored could have made every change."
        return Finding(heading="No more than rounding", text=text, weight=0.7)
    if not low:
        return Finding(heading="The change is not low-rank", text=f"{middle}.", weight=0.7)
    if len(low) < len(changed):
        text = f"{middle}. In {len(low)} of {len(changed)} it is a tenth or less, as in {low[0]}."
        return Finding(heading="The change is low-rank in places", text=text, weight=0.7, matrix=low[0])
    told = f"the rank of the change is {ranks.pop()}" if len(ranks) == 1 else "a tenth or less hold as much"
    return Finding(heading="The change is low-rank", text=f"{middle}; in every matrix {told}.", weight=0.7)


def _factored(matrices: Sequence[MatrixChange]) -> list[Finding]:
    """Those that became a product of factors: what is new in their numerical rank."""
    cut = [
        (matrix.name, matrix.change.after.numerical_rank, matrix.change.full_rank, matrix.change.energy_kept)
        for matrix in matrices
        if matrix.change is not None
        and matrix.change.after.numerical_rank < matrix.change.before.numerical_rank
        and matrix.change.energy_kept is not None
    ]
    if not cut:
        return []
    name, rank, full, kept = min(cut, key=lambda row: row[1] / row[2])
    return [
        Finding(
            heading="Cut to a lower rank",
            text=f"{len(cut)} matrices have a lower rank in the second model: in the median"
            f" {median(r / f for _, r, f, _ in cut):.0%} of the full one. {name} goes furthest: rank {rank} of {full},"
            f" {kept:.1%} of its energy kept.",
            weight=0.75,
            matrix=name,
        )
    ]


def _directions(changed: Sequence[_Changed]) -> list[Finding]:
    def shared(overlap: SubspaceOverlap) -> float:
        return min(overlap.left, overlap.right)

    known = [(matrix.name, matrix.change.overlap) for matrix in changed if matrix.change.overlap is not None]
    if not known:
        return []
    name, worst = min(known, key=lambda row: shared(row[1]))
    middle = median(shared(overlap) for _, overlap in known)
    return [
        Finding(
            heading=f"The strongest directions are {middle:.0%} the same",
            text=f"That is the median, over the matrices that changed, of the {worst.rank} strongest directions."
            f" {name} turned most: {worst.left:.0%} the same where it writes (chance: {worst.left_chance:.0%}),"
            f" {worst.right:.0%} where it reads (chance: {worst.right_chance:.0%}).",
            weight=0.6,
            matrix=name,
        )
    ]
