"""Words about what noise explains of a spectrum."""

from eigenlm.analysis.glossary.term import Term

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
