"""Sentence vectors at work: a vector for every line of a text, and the passages of a folder that answer a query."""

from eigenlm.sentences.embedded_lines import EmbeddedLines, embed_lines
from eigenlm.sentences.passage_search import Answers, FoundPassage, search

__all__ = ["Answers", "EmbeddedLines", "FoundPassage", "embed_lines", "search"]
