"""All that is known of a model's matrices, a row for each, and the one call that finds it out."""

from dataclasses import dataclass
from typing import Any

from eigenlm.analyze.spectra import MatrixSpectrum, spectrum_of
from eigenlm.analyze.stream import Look, Skipped, each_matrix, share
from eigenlm.analyze.weights import weights_of
from eigenlm.errors import ConfigError, explain
from eigenlm.ranks import Ranks


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Every matrix of a model, in the model's order.

    Attributes:
        matrices: those with a spectrum.
        skipped: those without one, each with the reason; the others are not touched by them.
    """

    matrices: tuple[MatrixSpectrum, ...]
    skipped: tuple[Skipped, ...] = ()

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

    def to_dict(self, *, singular_values: bool = True) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "totals": self.totals(),
            "matrices": [matrix.to_dict(singular_values=singular_values) for matrix in self.matrices],
            "skipped": [vars(skipped) for skipped in self.skipped],
        }


def spectra(model: Any, *, ranks: Ranks | None = None) -> Analysis:
    """The spectrum of every weight of two or more dimensions.

    A tensor is read, decomposed in float64 and let go before the next is read (by each of at most four workers), so a
    lazy source such as `checkpoint.open_tensors` may be larger than memory. A tensor of more than two dimensions is the
    matrix of its first dimension by all the others, as for convolutions. A matrix with NaN or infinite numbers is
    listed in `skipped` and the rest go on.

    Args:
        model: a `LanguageModel`, any `torch.nn.Module`, tensors by name, or the path or name of a model.
        ranks: the processes that share the matrices; each of them gets the whole analysis, the same to the bit.

    Raises:
        CheckpointError: the path holds no model, or a damaged one.
        ConfigError: the argument is none of these.

    >>> import torch
    >>> spectra({"w": torch.diag(torch.tensor([3.0, 1.0, 1.0, 1.0]))})["w"].rank_90
    3
    """
    return _look(model, spectrum_of, ranks or Ranks())


def analyze(model: Any, *, ranks: Ranks | None = None) -> Analysis:
    """Everything about every matrix; arguments and errors as in `spectra`."""
    return spectra(model, ranks=ranks)


def _look(model: Any, look: Look[MatrixSpectrum], ranks: Ranks) -> Analysis:
    weights = weights_of(model)
    rows = each_matrix(weights, look, share(weights, ranks.rank, ranks.size))
    if ranks.size > 1:
        parts = ranks.gather([row.to_dict() if isinstance(row, MatrixSpectrum) else vars(row) for row in rows])
        rows = [Skipped(**row) if "reason" in row else MatrixSpectrum.from_dict(row) for part in parts for row in part]
    place = {name.removesuffix(".weight"): i for i, name in enumerate(weights)}
    rows.sort(key=lambda row: place[row.name])
    return Analysis(
        matrices=tuple(row for row in rows if isinstance(row, MatrixSpectrum)),
        skipped=tuple(row for row in rows if isinstance(row, Skipped)),
    )


def _factored(matrix: MatrixSpectrum, rank: int) -> int:
    return min(matrix.rows * matrix.columns, rank * (matrix.rows + matrix.columns))
