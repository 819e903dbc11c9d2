"""Tensors in, tensors out: decompositions, spectra, low rank, similarity."""

from eigenlm.linalg.decomposition import singular_values, svd
from eigenlm.linalg.norms import frobenius_norm, nuclear_norm, spectral_norm
from eigenlm.linalg.similarity import Neighbours, cosine_similarity, nearest, unit_rows
from eigenlm.linalg.spectrum import (
    condition_number,
    effective_rank,
    energy_curve,
    energy_kept,
    numerical_rank,
    rank_for_energy,
    stable_rank,
)

__all__ = [
    "Neighbours",
    "condition_number",
    "cosine_similarity",
    "effective_rank",
    "energy_curve",
    "energy_kept",
    "frobenius_norm",
    "nearest",
    "nuclear_norm",
    "numerical_rank",
    "rank_for_energy",
    "singular_values",
    "spectral_norm",
    "stable_rank",
    "svd",
    "unit_rows",
]
