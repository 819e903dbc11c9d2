"""Sentence vectors at work: a vector for every line of a text, and the passages of a folder that answer a query."""

from eigenlm.sentences.embedded_lines import EmbeddedLines, embed_lines
from eigenlm.sentences.passage_search import FoundPassage, FoundPassages, search

__all__ = ["EmbeddedLines", "FoundPassage", "FoundPassages", "embed_lines", "search"]
