"""What language models are measured by."""

from eigenlm.tasks.perplexity import Increase, Perplexity, nll_increase, perplexity

__all__ = ["Increase", "Perplexity", "nll_increase", "perplexity"]
