"""All that is known of a model's matrices, a row for each, whoever found it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eigenlm.analysis.activations import Activations
from eigenlm.analysis.curvature import Curvature
from eigenlm.analysis.senses import Senses
from eigenlm.analysis.spectra import MatrixSpectrum
from eigenlm.analysis.stream import Skipped
from eigenlm.config import to_dict
from eigenlm.errors import ConfigError, explain


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Every matrix of a model, in the model's order.

    Attributes:
        matrices: those with a spectrum.
        skipped: those without one, each with the reason; the others are not touched by them.
        activations: what text makes of the model, if it was run.
        senses: how well it tells the senses of a word apart, if it was asked.
        curvature: of its loss, if it was asked.
        left_out: sections that were asked for and could not be had, each with the reason.
    """

    matrices: tuple[MatrixSpectrum, ...]
    skipped: tuple[Skipped, ...] = ()
    activations: Activations | None = None
    senses: Senses | None = None
    curvature: Curvature | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> MatrixSpectrum:
        """The matrix of this name.

        Raises:
            ConfigError: there is none.
        """
        for matrix in self.matrices:
            if matrix.name == name:
                return matrix
        raise ConfigError(explain("analysis", expected="the name of a matrix", got=repr(name)))

    def totals(self) -> dict[str, int]:
        """Counts over all matrices; parameters at 90 and 99 % are those of plain factors, where these are smaller."""
        return {
            "num_matrices": len(self.matrices),
            "num_skipped": len(self.skipped),
            "num_params": sum(matrix.rows * matrix.columns for matrix in self.matrices),
            "num_params_at_90": sum(_factored(matrix, matrix.rank_90) for matrix in self.matrices),
            "num_params_at_99": sum(_factored(matrix, matrix.rank_99) for matrix in self.matrices),
        }

    def sections(self) -> dict[str, Activations | Senses | Curvature | None]:
        """What is known only of the whole model."""
        return {"activations": self.activations, "senses": self.senses, "curvature": self.curvature}

    def to_dict(self, *, singular_values: bool = True) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "totals": self.totals(),
            "matrices": [matrix.to_dict(singular_values=singular_values) for matrix in self.matrices],
            "skipped": [vars(skipped) for skipped in self.skipped],
            **{name: section and to_dict(section) for name, section in self.sections().items()},
            "left_out": dict(self.left_out),
        }


def _factored(matrix: MatrixSpectrum, rank: int) -> int:
    return min(matrix.rows * matrix.columns, rank * (matrix.rows + matrix.columns))
