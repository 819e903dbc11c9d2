"""What language models are measured by."""

from eigenlm.tasks.language_modelling import Increase, Perplexity, nll_increase, perplexity

__all__ = ["Increase", "Perplexity", "nll_increase", "perplexity"]
