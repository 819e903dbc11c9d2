"""Blocks compiled by torch, where that pays for itself."""

from eigenlm.model import Transformer
from eigenlm.train.recipe import Recipe


def compile_blocks_(model: Transformer, recipe: Recipe) -> None:
    """Compile each block in place: one graph for all of them, since they are alike."""
