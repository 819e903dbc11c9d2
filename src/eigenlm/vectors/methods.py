"""The ways to make word vectors of a text, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eigenlm.config import from_dict, parse_change
from eigenlm.vectors import cbow, glove, skip_gram, spectral, subwords
from eigenlm.vectors.corpus import Corpus
from eigenlm.vectors.epochs import Trained


@dataclass(frozen=True, kw_only=True)
class VectorMethod:
    """A way to make word vectors.

    Attributes:
        config: the dataclass of its settings, every field with a default.
        train: a corpus and a config give a vector for each word, and the losses on the way.
    """

    config: type[Any]
    train: Callable[[Corpus, Any], Trained]


METHODS = {
    "ppmi-svd": VectorMethod(config=spectral.PpmiSvd, train=spectral.train),
    "sgns": VectorMethod(config=skip_gram.SkipGram, train=skip_gram.train),
    "cbow": VectorMethod(config=cbow.ContinuousBagOfWords, train=cbow.train),
    "glove": VectorMethod(config=glove.GloVe, train=glove.train),
    "fasttext": VectorMethod(config=subwords.Subwords, train=subwords.train),
}


def config_of(name: str, changes: Sequence[str], **said: Any) -> Any:
    """The settings of a method: its defaults, then what is said, then `field=value`.

    Raises:
        ConfigError: a field that the method does not have, or a value of another type.
    """
    values = {field: value for field, value in said.items() if value is not None}
    values |= dict(parse_change(change, "power=0.25") for change in changes)
    return from_dict(METHODS[name].config, values, name)
