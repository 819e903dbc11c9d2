"""What a model makes of a word with several senses: how far they lie apart in each layer, and by chance."""

from eigenlm.analyze.senses.bank import BANK
from eigenlm.analyze.senses.sentences import SenseSentences, read_senses
from eigenlm.analyze.senses.separation import Separation
from eigenlm.analyze.senses.word_senses import SenseLayer, Senses, word_senses

__all__ = ["BANK", "SenseLayer", "SenseSentences", "Senses", "Separation", "read_senses", "word_senses"]
