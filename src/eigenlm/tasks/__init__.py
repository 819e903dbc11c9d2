"""What language models are measured by."""

from eigenlm.tasks.effect import Effect, Performance, effect
from eigenlm.tasks.language_modelling import Perplexity, nll_increase, perplexity
from eigenlm.tasks.side_by_side import SideBySide, side_by_side

__all__ = ["Effect", "Performance", "Perplexity", "SideBySide", "effect", "nll_increase", "perplexity", "side_by_side"]
