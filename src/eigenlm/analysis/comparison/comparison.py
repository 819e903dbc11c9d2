"""What differs between two models, a row for each matrix that both have."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eigenlm.analysis.about import About
from eigenlm.analysis.finding import Finding
from eigenlm.analysis.kinds import called
from eigenlm.analysis.spectra import SpectrumFigures
from eigenlm.analysis.stream import Skipped
from eigenlm.shown import Shown


@dataclass(frozen=True, kw_only=True)
class SubspaceOverlap:
    """How far the strongest directions are still the same.

    Attributes:
        rank: R, the number of strongest directions that are compared.
        left: mean squared cosine of the principal angles between the first R left singular vectors of both, the
            directions written to: 1 for the same span, 0 for orthogonal ones.
        right: the same of the right singular vectors, the directions read from.
        left_chance: what a random span of R directions would give, R / rows.
        right_chance: R / columns.
    """

    rank: int
    left: float
    right: float
    left_chance: float
    right_chance: float


@dataclass(frozen=True, kw_only=True)
class Change(Shown):
    """D = W' - W of one matrix, and what it did to the spectrum.

    Attributes:
        frobenius_norm: ||D||_F.
        rel_spectral: ||D||_2 / ||W||_2, the strongest direction of the change beside that of W; None for W = 0.
        stable_rank: the stable rank of D.
        effective_rank: the effective rank of D.
        rank: singular values of D that rounding W and W' to their precision could not have made.
        rank_90: the smallest rank that holds 90 % of ||D||_F^2: small for a change as LoRA makes it.
        full_rank: the smaller side, which all these ranks are out of.
        energy_kept: ||W'||_F^2 / ||W||_F^2; None for W = 0.
        before: the figures of W.
        after: the figures of W'.
        overlap: how far the strongest directions are the same; None where a matrix is zero.
    """

    frobenius_norm: float
    rel_spectral: float | None
    stable_rank: float
    effective_rank: float
    rank: int
    rank_90: int
    full_rank: int
    energy_kept: float | None
    before: SpectrumFigures
    after: SpectrumFigures
    overlap: SubspaceOverlap | None


@dataclass(frozen=True, kw_only=True)
class MatrixChange:
    """One matrix in two models.

    Attributes:
        name: its layer, or the parameter's own name if that is not `weight`.
        rows: m, its outputs.
        columns: n, its inputs.
        storage_before: how the first model stores it; None where the source cannot tell.
        storage_after: how the second does.
        frobenius_norm: ||W||_F in the first.
        rel_change: ||W' - W||_F / ||W||_F; 0 for identical matrices, None where only W is zero.
        change: how it changed; None for identical matrices.
    """

    name: str
    rows: int
    columns: int
    storage_before: str | None
    storage_after: str | None
    frobenius_norm: float
    rel_change: float | None
    change: Change | None


@dataclass(frozen=True, kw_only=True)
class VectorChange:
    """A vector, such as a bias or the gain of a norm, that differs.

    Attributes:
        name: name of the parameter.
        rel_change: ||v' - v|| / ||v||; None where v is zero or numbers are not finite.
    """

    name: str
    rel_change: float | None


@dataclass(frozen=True, kw_only=True)
class OtherShape:
    """A tensor that has other sizes in the second model.

    Attributes:
        name: name of the parameter.
        before: its sizes in the first.
        after: and in the second.
    """

    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison(Shown):
    """Two models matrix by matrix, in the order of the first.

    Attributes:
        matrices: those that both have, in one size.
        vectors: those of them that differ.
        only_before: names that only the first model has.
        only_after: names that only the second has.
        other_shapes: what both have in different sizes.
        skipped: matrices that could not be compared, and why.
        before: what the first model is.
        after: what the second is.
    """

    matrices: tuple[MatrixChange, ...]
    vectors: tuple[VectorChange, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    other_shapes: tuple[OtherShape, ...]
    skipped: tuple[Skipped, ...]
    before: About = field(default_factory=About)
    after: About = field(default_factory=About)

    def __getitem__(self, name: str) -> MatrixChange:
        """How the matrix of this name changed.

        Raises:
            ConfigError: there is none that both have.
        """
        return called(self.matrices, name)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know, the most general first."""
        from eigenlm.analysis.comparison.findings import comparison_findings

        return comparison_findings(self)

    def report(self, path: str | Path, *others: "Comparison") -> None:
        """Write the page to read it in: one interactive file that needs no network.

        Args:
            path: where to.
            others: further models held against the same first one, each a column of its own.

        Raises:
            DataError: the place cannot be written.
        """
        from eigenlm.analysis.comparison.page import write_comparison

        write_comparison([self, *others], path)

    def totals(self) -> dict[str, int | float | None]:
        """Counts, and ||W' - W||_F / ||W||_F over all compared matrices together."""
        whole = math.hypot(*(matrix.frobenius_norm for matrix in self.matrices))
        moved = [matrix.change.frobenius_norm for matrix in self.matrices if matrix.change is not None]
        return {
            "num_compared": len(self.matrices),
            "num_identical": sum(matrix.change is None for matrix in self.matrices),
            "num_changed": sum(matrix.change is not None for matrix in self.matrices),
            "num_vectors_changed": len(self.vectors),
            "num_only_before": len(self.only_before),
            "num_only_after": len(self.only_after),
            "num_other_shapes": len(self.other_shapes),
            "num_skipped": len(self.skipped),
            "rel_change": math.hypot(*moved) / whole if whole > 0 else None,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"totals": self.totals()} | asdict(self)
