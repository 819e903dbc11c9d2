"""Token ids in, token ids out."""

from eigenlm.engine.generation import generate
from eigenlm.engine.left_padding import left_padded
from eigenlm.engine.runner import Runner
from eigenlm.engine.sampling import Sampler, Sampling
from eigenlm.engine.session import Session

__all__ = ["Runner", "Sampler", "Sampling", "Session", "generate", "left_padded"]
