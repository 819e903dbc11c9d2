"""Words about singular values, noise and power laws."""

from eigenlm.analysis.term import Term

SPECTRA = {
    "name": Term("Matrix", "The layer that holds the matrix; its position in the model reads from left to right."),
    "size": Term("Size", "Rows by columns: outputs by inputs. The smaller of the two is the full rank."),
    "storage": Term(
        "Stored",
        "How the file keeps the numbers. Quantized kinds such as Q4_1 round them, which lifts the smallest "
        "singular values.",
    ),
    "frobenius_norm": Term(
        "‖W‖F",
        "Frobenius norm: the root of the sum of all squared entries, and of all squared singular values. "
        "Its square is the energy.",
    ),
    "spectral_norm": Term("σ₁", "The largest singular value: the most the matrix can stretch a vector."),
    "condition_number": Term(
        "Condition",
        "Largest over smallest singular value. Large: some direction is all but ignored. Infinite: some "
        "direction is lost.",
    ),
    "stable_rank": Term(
        "Stable rank",
        "‖W‖F² / σ₁². Near 1 when one direction dominates; equal to the full rank when all directions count the same.",
    ),
    "effective_rank": Term(
        "Effective rank",
        "exp of the entropy of σᵢ / Σσ (Roy and Vetterli 2007): how many directions carry weight, counted smoothly.",
    ),
    "numerical_rank": Term(
        "Numerical rank",
        "The number of singular values that rounding the entries to float32 could not have made.",
    ),
    "rank_90": Term("Rank 90%", "The smallest rank whose best approximation keeps 90% of the energy."),
    "rank_99": Term("Rank 99%", "The smallest rank whose best approximation keeps 99% of the energy."),
    "break_even_rank": Term(
        "Break-even",
        "The largest rank R at which two factors, R (rows + columns) parameters, are smaller than the matrix itself.",
    ),
    "singular_value": Term("Singular value", "How strongly the matrix stretches its i-th direction, strongest first."),
    "energy": Term("Energy", "A part of ‖W‖F². The energy kept at rank R is the share in the R strongest directions."),
    "eigenvalue": Term(
        "Eigenvalue λ", "The square of a singular value: an eigenvalue of WᵀW, and that direction's part of the energy."
    ),
    "relative_error": Term(
        "Relative error",
        "‖W - W'‖ / ‖W‖ for the best W' of this rank: the root of the share of the energy that is lost.",
    ),
    "factor_params": Term(
        "Numbers in two factors", "R (rows + columns): what the matrix takes as a product of two factors of rank R."
    ),
}

NOISE = {
    "marchenko_pastur": Term(
        "Noise of its size",
        "The Marchenko-Pastur law: how the singular values of a matrix of independent random numbers are spread. It is"
        " laid where the middle of this spectrum lies.",
    ),
    "noise_std": Term("Noise level", "Standard deviation that the entries of the noise would have."),
    "sigma_plus": Term(
        "Noise edge",
        "The largest singular value that noise of this level and size reaches, by the Marchenko-Pastur law.",
    ),
    "largest_noise": Term(
        "Noise limit",
        "What the largest singular value of noise exceeds in one matrix of a hundred: a little above the noise edge.",
    ),
    "num_spikes": Term(
        "Spikes", "Singular values above the noise limit: directions that noise of this size does not have."
    ),
    "spike_energy": Term("Energy in spikes", "The share of the energy in directions that stand out from noise."),
    "bulk_distance": Term(
        "Misfit of noise",
        "0 to 1: the largest gap between the share of singular values below a point and the share that the noise law"
        " has there. Small: below the spikes, the matrix is spread like noise.",
    ),
    "null_spectral_norm": Term(
        "Shuffled σ₁",
        "The largest singular value of the same numbers in random order: what the sizes of the entries give alone.",
    ),
    "num_above_null": Term(
        "Above shuffled",
        "Singular values larger than any of the shuffled matrix: what the order of the entries adds.",
    ),
    "num_null_spikes": Term(
        "Shuffled spikes",
        "Spikes that even the shuffled matrix has. They come from the sizes of the entries alone, such as a few huge"
        " ones.",
    ),
    "rand_distance": Term(
        "Distance to shuffled",
        "How different the spectrum is from that of the shuffled matrix: 0 for the same, at most 0.83 (Jensen-Shannon"
        " distance of the two lists of squared singular values).",
    ),
}

TAILS = {
    "tail_verdict": Term(
        "Power law?",
        "What the figures allow to say. Supported: it fits, and better than other laws could. Not distinguishable: it"
        " fits, and so do other laws. Rejected: another law fits better, or none fits; then alpha describes nothing.",
    ),
    "alpha": Term(
        "Alpha",
        "Exponent of the power law fitted to the largest eigenvalues: how quickly ever larger ones become rare. In"
        " small type the 95% interval, which also allows for where the tail begins. Only to be read where the power law"
        " is not rejected.",
    ),
    "num_tail": Term("In the tail", "How many of the largest eigenvalues the power law is fitted to."),
    "xmin": Term("xmin", "The eigenvalue at which the fitted tail begins, chosen so that the law fits best."),
    "ks_distance": Term(
        "Gap",
        "The largest gap between the share of the tail below a value and the share that the power law has there"
        " (Kolmogorov-Smirnov distance).",
    ),
    "goodness_p": Term(
        "p of the fit",
        "The share of samples from a true power law that lie as far from their own best fit as this tail does. Below"
        " 0.05: it is hardly a power law.",
    ),
    "bend": Term(
        "Bend",
        "How much the tail steepens towards its largest values, where a power law stays straight: 0 for a power law,"
        " positive where the largest are missing.",
    ),
    "bend_high": Term(
        "Largest bend", "The most that the tail may bend by what the data say (95% confidence). Small: truly straight."
    ),
    "p_lognormal": Term(
        "p, lognormal",
        "How likely a lognormal (a law whose logarithm is a bell curve) would fit this much better by chance if the"
        " power law were true. Small: the lognormal wins.",
    ),
    "p_truncated_power_law": Term(
        "p, truncated",
        "The same for a power law that is cut off smoothly at large values. Small: the cut-off law wins.",
    ),
    "p_exponential": Term(
        "p, exponential",
        "How likely such a difference in fit between power law and exponential is if both are equally good. Small: one"
        " of them clearly fits better.",
    ),
}

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
