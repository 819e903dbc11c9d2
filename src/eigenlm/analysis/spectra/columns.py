"""The columns of matrices by themselves, in groups that fit a screen."""

import functools

from eigenlm.analysis.page_part import Cell, Column, Style, field_column
from eigenlm.analysis.spectra.matrix_spectrum import MatrixSpectrum


def _size(matrix: MatrixSpectrum) -> Cell:
    return f"{matrix.rows} \N{MULTIPLICATION SIGN} {matrix.columns}"


def _alpha(matrix: MatrixSpectrum) -> Cell:
    tail = matrix.tail
    return None if tail is None or tail.alpha is None else [tail.alpha, tail.alpha_low, tail.alpha_high]


_spectrum = functools.partial(field_column, "Spectrum")
_noise = functools.partial(field_column, "Noise")
_tail = functools.partial(field_column, "Tail")


def _peer(name: str, style: Style = "number") -> Column:
    """A column of WeightWatcher's, whose names would clash with others."""
    return field_column("WeightWatcher", f"weightwatcher.{name}", style, key=f"ww_{name}")


COLUMNS = (
    Column(key="name", group="", cell=lambda matrix: matrix.name, style="text"),
    Column(key="size", group="Spectrum", cell=_size, style="text"),
    _spectrum("storage", "text"),
    _spectrum("frobenius_norm"),
    _spectrum("spectral_norm"),
    _spectrum("condition_number", map="log"),
    _spectrum("stable_rank", map="log"),
    _spectrum("effective_rank", "rank", "linear"),
    _spectrum("numerical_rank", "rank"),
    _spectrum("rank_90", "rank"),
    _spectrum("rank_99", "rank", "linear"),
    _noise("noise.num_spikes", "rank", "linear"),
    _noise("noise.spike_energy", "percent", "linear"),
    _noise("noise.noise_std"),
    _noise("noise.sigma_plus"),
    _noise("noise.largest_noise"),
    _noise("noise.bulk_distance"),
    _noise("noise.null_spectral_norm"),
    _noise("noise.num_above_null", "rank"),
    _noise("noise.num_null_spikes"),
    _noise("noise.rand_distance", map="linear"),
    _tail("tail.verdict", "text", key="tail_verdict"),
    Column(key="alpha", group="Tail", cell=_alpha, map="linear"),
    _tail("tail.num_tail", "rank"),
    _tail("tail.xmin"),
    _tail("tail.ks_distance"),
    _tail("tail.goodness_p"),
    _tail("tail.bend"),
    _tail("tail.bend_high"),
    _tail("tail.lognormal.p", key="p_lognormal"),
    _tail("tail.truncated_power_law.p", key="p_truncated_power_law"),
    _tail("tail.exponential.p", key="p_exponential"),
    _peer("alpha"),
    _peer("xmin"),
    _peer("D"),
    _peer("sigma"),
    _peer("num_pl_spikes"),
    _peer("alpha_weighted"),
    _peer("log_alpha_norm"),
    _peer("log_norm"),
    _peer("log_spectral_norm"),
    _peer("entropy"),
    _peer("mp_softrank"),
    _peer("num_spikes"),
    _peer("ERG_gap"),
    _peer("warning", "text"),
)
