"""Token ids in, token ids out."""

from eigenlm.engine.generation import generate, left_padded
from eigenlm.engine.packing import packed
from eigenlm.engine.sampling import Sampler, Sampling

__all__ = ["Sampler", "Sampling", "generate", "left_padded", "packed"]
