"""One word in its sentences, layer by layer: how alike its vectors stay, and the groups they fall into."""

from eigenlm.vectors.contextual.groups import SenseGroup, SenseGroups
from eigenlm.vectors.contextual.similarity import LayerSimilarity
from eigenlm.vectors.contextual.word_in_context import WordInContext, WordPlace, word_in_context

__all__ = ["LayerSimilarity", "SenseGroup", "SenseGroups", "WordInContext", "WordPlace", "word_in_context"]
