"""Words about the power law of the largest eigenvalues."""

from eigenlm.analysis.glossary.term import Term

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
