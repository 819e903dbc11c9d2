"""What a model makes of a word with several senses: how far they lie apart in each layer, and by chance."""

from eigenlm.analysis.senses.bank import BANK
from eigenlm.analysis.senses.section import SECTION
from eigenlm.analysis.senses.sentences import SenseSentences, read_senses
from eigenlm.analysis.senses.separation import Separation
from eigenlm.analysis.senses.word_senses import SenseLayer, Senses, word_senses

__all__ = ["BANK", "SECTION", "SenseLayer", "SenseSentences", "Senses", "Separation", "read_senses", "word_senses"]
