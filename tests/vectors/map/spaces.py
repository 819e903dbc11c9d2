"""Small spaces of words for the tests of the map."""

import torch

from eigenlm.vectors.word_vectors import WordVectors

HOSTILE = "<script>document.title=1</script>"
TURNING = "\u202eevil"
NAMED = ("man", "woman", "he", "she", "king", "queen", "nurse", "engineer", "queens", HOSTILE, TURNING, "well-known")


def royal(others: int = 400, dim: int = 24, seed: int = 0) -> WordVectors:
    """Words of which some say he or she in one direction, with a queen where king - man + woman is, and others."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(NAMED) + others, dim, generator=generator)
    she, crown = torch.randn(2, dim, generator=generator)
    people = torch.randn(dim, generator=generator)
    for row, (sex, royalty) in enumerate([(-1, 0), (1, 0), (-1, 0), (1, 0), (-1, 2), (1, 2), (0.5, 0), (-0.5, 0)]):
        drawn[row] = people + sex * she + royalty * crown + 0.2 * drawn[row]
    return WordVectors((*NAMED, *(f"word{i}" for i in range(others))), drawn, "royal.txt")
