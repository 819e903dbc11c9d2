"""What language models are measured by."""

from eigenlm.tasks.effect import Effect, Performance, effect
from eigenlm.tasks.language_modelling import Perplexity, nll_increase, perplexity

__all__ = ["Effect", "Performance", "Perplexity", "effect", "nll_increase", "perplexity"]
