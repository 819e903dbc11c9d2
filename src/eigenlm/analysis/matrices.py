"""The singular values of every matrix, and nothing more."""

from typing import Any

from eigenlm.analysis.about import about
from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.spectra import spectra, spectrum_of


def decompose(model: Any) -> Analysis:
    """The spectrum of every weight of two or more dimensions, as `analyze` has it, without noise and power laws.

    Args:
        model: a `LanguageModel`, any `torch.nn.Module`, tensors by name, or the path or name of a model.

    Raises:
        CheckpointError: the path holds no model, or a damaged one.
        ConfigError: the argument is none of these.
        DataError: there is no matrix in it.

    >>> import torch
    >>> decompose({"w": torch.diag(torch.tensor([3.0, 1.0, 1.0, 1.0]))})["w"].rank_90
    3
    """
    return Analysis(spectra=spectra(model, look=spectrum_of), about=about(model, {}))
