"""WeightWatcher's words, whose numbers this report repeats under WeightWatcher's rules."""

from eigenlm.analysis.glossary.term import Term

WEIGHTWATCHER = {
    "ww_alpha": Term(
        "WW alpha",
        "WeightWatcher's exponent of the power law: no interval, and no test whether it is a power law at all.",
    ),
    "ww_xmin": Term("WW xmin", "The eigenvalue from which WeightWatcher fits its power law."),
    "ww_D": Term("WW D", "The largest gap between WeightWatcher's power law and the tail."),
    "ww_sigma": Term("WW sigma", "(alpha - 1) / √n for n eigenvalues in the tail: an error that takes xmin as given."),
    "ww_num_pl_spikes": Term("WW tail", "Eigenvalues in the tail that WeightWatcher fits."),
    "ww_alpha_weighted": Term("WW weighted alpha", "alpha times log₁₀ of the largest eigenvalue."),
    "ww_log_alpha_norm": Term("WW log alpha-norm", "log₁₀ of the sum of all eigenvalues to the power alpha."),
    "ww_log_norm": Term("WW log norm", "log₁₀ of the squared Frobenius norm."),
    "ww_log_spectral_norm": Term("WW log spectral norm", "log₁₀ of the largest eigenvalue."),
    "ww_entropy": Term(
        "WW entropy", "How evenly the energy is spread over the directions, 0 to 1; 1 when all count the same."
    ),
    "ww_mp_softrank": Term(
        "WW soft rank",
        "The edge of the noise that WeightWatcher fits, over the largest eigenvalue; 1 when all is noise.",
    ),
    "ww_num_spikes": Term("WW spikes", "Eigenvalues above the edge of the noise that WeightWatcher fits."),
    "ww_ERG_gap": Term(
        "WW ERG gap",
        "How many more eigenvalues are needed for the product of the largest to fall to 1 than lie in the tail. Near 0"
        " in WeightWatcher's picture of a well-trained layer.",
    ),
    "ww_warning": Term(
        "WW warning", "over-trained for alpha below 2, under-trained for alpha above 6, by WeightWatcher."
    ),
}
