"""Words about the senses of a word and the spread of vectors."""

from eigenlm.analysis.term import Term

SENSES = {
    "separation": Term(
        "Separation",
        "Mean cosine between vectors of the word in one meaning, less that between different meanings: 0 if meaning"
        " makes no difference.",
    ),
    "silhouette": Term(
        "Silhouette",
        "-1 to 1: how much nearer a sentence's vector is to its own meaning than to the next one; above 0 if it is"
        " nearer.",
    ),
    "senses_accuracy": Term(
        "Nearest meaning",
        "The share of sentences whose vector lies nearest to the middle of the other sentences of its own meaning.",
    ),
    "senses_p": Term(
        "p over all layers",
        "How often labels put on the sentences at random separate as well, in whichever layer they do best. Below 0.05:"
        " hardly chance.",
    ),
    "iso_score": Term(
        "IsoScore", "0 to 1: how evenly the variance is spread over all directions; 0 if all of it lies along one."
    ),
    "mean_cosine": Term(
        "Mean cosine", "Between the vectors of any two tokens. Near 1: all point the same way, and cosines tell little."
    ),
    "rank_me": Term("RankMe", "How many directions the vectors use, counted smoothly (exp of the entropy)."),
}
