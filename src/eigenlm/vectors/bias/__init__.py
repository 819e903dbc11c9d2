"""How groups of words stand to attributes in a space, how sure that is, and what taking a bias out leaves."""

from eigenlm.vectors.bias.ask import BiasAnswer, bias
from eigenlm.vectors.bias.hard_debias import Debiased, hard_debias
from eigenlm.vectors.bias.leftover import Leftover, leftover
from eigenlm.vectors.bias.metrics import METRICS
from eigenlm.vectors.bias.queries import BiasQueries, BiasQuery, DebiasWords, WordList, parse_query, read_queries
from eigenlm.vectors.bias.score import BiasScore
from eigenlm.vectors.bias.sentences import seat

__all__ = [
    "METRICS",
    "BiasAnswer",
    "BiasQueries",
    "BiasQuery",
    "BiasScore",
    "DebiasWords",
    "Debiased",
    "Leftover",
    "WordList",
    "bias",
    "hard_debias",
    "leftover",
    "parse_query",
    "read_queries",
    "seat",
]
