"""Word vectors: trained from a text or read from a file, asked, measured and compared."""

from eigenlm.vectors.word_vectors import Neighbour, WordVectors

__all__ = ["Neighbour", "WordVectors"]
