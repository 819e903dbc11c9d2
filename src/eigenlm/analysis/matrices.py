"""What the matrices of a model tell by themselves, one tensor at a time, over threads and over machines."""

from typing import Any

from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.spectra import MatrixSpectrum, examine, spectrum_of
from eigenlm.analysis.stream import Look, Skipped, each_matrix, share
from eigenlm.analysis.weights import weights_of
from eigenlm.errors import DataError, explain
from eigenlm.machine.processes import Ranks


def decompose(model: Any, *, ranks: Ranks | None = None) -> Analysis:
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
        DataError: there is no matrix in it.

    >>> import torch
    >>> decompose({"w": torch.diag(torch.tensor([3.0, 1.0, 1.0, 1.0]))})["w"].rank_90
    3
    """
    return _look(model, spectrum_of, ranks or Ranks())


def examine_matrices(model: Any, *, ranks: Ranks | None = None) -> Analysis:
    """The spectrum of every matrix, beside noise, WeightWatcher's figures and power laws; otherwise as `decompose`."""
    return _look(model, examine, ranks or Ranks())


def _look(model: Any, look: Look[MatrixSpectrum], ranks: Ranks) -> Analysis:
    weights = weights_of(model)
    rows = each_matrix(weights, look, share(weights, ranks.rank, ranks.size))
    if ranks.size > 1:
        parts = ranks.gather([row.to_dict() if isinstance(row, MatrixSpectrum) else vars(row) for row in rows])
        rows = [Skipped(**row) if "reason" in row else MatrixSpectrum.from_dict(row) for part in parts for row in part]
    if not rows:
        expected = "at least one floating-point tensor of two or more dimensions"
        raise DataError(explain("analyze", expected=expected, got=f"none among {len(weights)}"))
    place = {name.removesuffix(".weight"): i for i, name in enumerate(weights)}
    rows.sort(key=lambda row: place[row.name])
    return Analysis(
        matrices=tuple(row for row in rows if isinstance(row, MatrixSpectrum)),
        skipped=tuple(row for row in rows if isinstance(row, Skipped)),
    )
