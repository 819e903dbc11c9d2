"""What the matrices of a model tell by themselves, one tensor at a time, over threads and over machines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from eigenlm.analysis.spectra.entries import Entries, entries
from eigenlm.analysis.spectra.matrix_spectrum import MatrixSpectrum, examine
from eigenlm.analysis.stream import Look, Skipped, each_matrix, share
from eigenlm.analysis.weights import Weights, weights_of
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.linalg.by_blocks import ByBlocks
from eigenlm.machine.memory import check_memory
from eigenlm.machine.processes import Ranks
from eigenlm.shown import Shown


@dataclass(frozen=True, kw_only=True)
class Spectra(Shown):
    """Every matrix of a model, in the model's order.

    Attributes:
        matrices: those with a spectrum.
        skipped: those without one, each with the reason; the others are not touched by them.
        entries: the numbers of each matrix and vector as they stand.
    """

    matrices: tuple[MatrixSpectrum, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    entries: tuple[Entries, ...] = ()

    def totals(self) -> dict[str, int]:
        """Counts over all matrices; a matrix cut to rank R, that of 90 or 99 % of its energy, takes R (m + n - R)."""
        return {
            "num_matrices": len(self.matrices),
            "num_skipped": len(self.skipped),
            "num_params": sum(matrix.rows * matrix.columns for matrix in self.matrices),
            "num_params_at_90": sum(_num_params(matrix, matrix.rank_90) for matrix in self.matrices),
            "num_params_at_99": sum(_num_params(matrix, matrix.rank_99) for matrix in self.matrices),
        }

    def to_dict(self, *, singular_values: bool = True) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "totals": self.totals(),
            "matrices": [matrix.to_dict(singular_values=singular_values) for matrix in self.matrices],
            "skipped": [vars(skipped) for skipped in self.skipped],
            "entries": [vars(one) for one in self.entries],
        }


def spectra(model: Any, *, look: Look[MatrixSpectrum] = examine, ranks: Ranks | None = None) -> Spectra:
    """Look at every weight of two or more dimensions.

    A tensor is read, decomposed in float64 and let go before the next is read (by each of at most four workers), so a
    lazy source such as `checkpoint.open_tensors` may be larger than memory. A tensor of more than two dimensions is the
    matrix of its first dimension by all the others, as for convolutions. A matrix with NaN or infinite numbers is
    listed in `skipped` and the rest go on.

    Args:
        model: a `LanguageModel`, any `torch.nn.Module`, tensors by name, or the path or name of a model.
        look: what to do with a matrix.
        ranks: the processes that share the matrices; each of them gets all of the rows, the same to the bit.

    Raises:
        CheckpointError: the path holds no model, or a damaged one.
        ConfigError: the argument is none of these.
        DataError: there is no matrix in it.
    """
    ranks = ranks or Ranks()
    weights = weights_of(model)
    mine = share(weights, ranks.rank, ranks.size)
    seen, unread = _vectors(weights, mine)

    def looked(W: Tensor | ByBlocks, name: str, storage: str | None) -> MatrixSpectrum:
        seen.append(entries(W, name))
        return look(W, name, storage)

    rows = each_matrix(weights, looked, mine)
    if ranks.size > 1:
        parts = ranks.gather([row.to_dict() if isinstance(row, MatrixSpectrum) else vars(row) for row in rows])
        rows = [Skipped(**row) if "reason" in row else MatrixSpectrum.from_dict(row) for part in parts for row in part]
        seen = [Entries(**told) for part in ranks.gather([vars(one) for one in seen]) for told in part]
        unread = [Skipped(**told) for part in ranks.gather([vars(one) for one in unread]) for told in part]
    if not rows:
        expected = "at least one floating-point tensor of two or more dimensions"
        raise DataError(explain("analyze", expected=expected, got=f"none among {len(weights)}"))
    place = {name.removesuffix(".weight"): i for i, name in enumerate(weights)}
    rows = sorted([*rows, *unread], key=lambda row: place[row.name])
    seen.sort(key=lambda one: place[one.name])
    return Spectra(
        matrices=tuple(row for row in rows if isinstance(row, MatrixSpectrum)),
        skipped=tuple(row for row in rows if isinstance(row, Skipped)),
        entries=tuple(seen),
    )


def _vectors(weights: Weights, names: Sequence[str]) -> tuple[list[Entries], list[Skipped]]:
    """The numbers of the biases, gains and single numbers among some tensors, and those that cannot be read."""
    found, unread = [], []
    for parameter in names:
        name, shape = parameter.removesuffix(".weight"), weights.shape(parameter)
        if len(shape) >= 2 or 0 in shape:
            continue
        try:
            check_memory(8 * math.prod(shape), None, f"reading {name}", "")
            v = weights[parameter].detach()
            if v.is_floating_point() and not v.is_meta:
                v = v.float() if v.element_size() == 1 else v
                found.append(entries(v.reshape(1, -1), name, is_matrix=False))
        except (ConfigError, DataError) as error:
            unread.append(Skipped(name=name, reason=str(error)))
        except NotImplementedError as error:
            unread.append(Skipped(name=name, reason=f"of a type that is not read: {error}"[:200]))
    return found, unread


def _num_params(matrix: MatrixSpectrum, rank: int) -> int:
    return rank * (matrix.rows + matrix.columns - rank)
