"""What language models are measured by."""

from eigenlm.tasks.language_modelling import Perplexity, nll_increase, perplexity

__all__ = ["Perplexity", "nll_increase", "perplexity"]
