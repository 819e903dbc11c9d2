"""Word vectors as a map: one page that is opened without a network."""

from eigenlm.vectors.map.page import render, write_map
from eigenlm.vectors.map.word_map import WordMap, map_of

__all__ = ["WordMap", "map_of", "render", "write_map"]
