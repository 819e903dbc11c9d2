"""SEAT: the association test on sentences, for encoders that give a vector to a text and not to a word."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.progress import track
from eigenlm.vectors.bias.ask import BiasAnswer, answer_of
from eigenlm.vectors.bias.queries import BiasQuery, WordList
from eigenlm.vectors.bias.word_sets import QuerySets, WordSet

_AT_ONCE = 64  # sentences
Encoder = Callable[[Sequence[str]], Float[Tensor, "n D"]]


def seat(embed: Encoder, queries: Sequence[BiasQuery], templates: Sequence[str], *, seed: int = 0) -> list[BiasAnswer]:
    """WEAT of sentences such as `This is rose.` (May and others 2019, arXiv:1903.10561).

    The effect counts every sentence, as theirs does. Sentences of one word are not independent of each other: the
    interval and p are over words, whose sentences stay together, where May and others deal sentences out.

    Args:
        embed: a vector for each of some texts; `LanguageModel.embed` is one.
        queries: of two groups and two attributes each.
        templates: sentences with {word} in them.
        seed: of the bootstrap, and of the ways that a permutation test of many words draws.

    Raises:
        DataError: no template, vectors that are not finite, or no query of two groups and two attributes.
    """
    if not templates or not all("{word}" in template for template in templates):
        raise DataError(explain("SEAT", expected="sentences with {word} in them", got=list(templates)))
    words = dict.fromkeys(word for query in queries for group in _groups(query) for word in group.words)
    vectors = dict(zip(words, _embedded(embed, list(words), templates)))
    answers = []
    for query in queries:
        targets, attributes = ([_set(one, vectors) for one in groups] for groups in (query.targets, query.attributes))
        sets = QuerySets(targets=tuple(targets), attributes=tuple(attributes))
        answers.append(answer_of(query.name, sets, ["weat"], seed))
    if not any(answer.scores for answer in answers):
        got = next((answer.refused["weat"] for answer in answers), "no query")
        raise DataError(explain("SEAT", expected="two groups and two attributes", got=got))
    return answers


def _groups(query: BiasQuery) -> tuple[WordList, ...]:
    return query.targets + query.attributes


def _set(group: WordList, vectors: Mapping[str, Tensor]) -> WordSet:
    of_words = torch.stack([vectors[word] for word in group.words])
    return WordSet(name=group.name, words=group.words, missing=(), vectors=of_words)


def _embedded(embed: Encoder, words: Sequence[str], templates: Sequence[str]) -> Iterator[Tensor]:
    """The vectors of the sentences of each word."""
    count = max(1, _AT_ONCE // len(templates))
    blocks = [words[start : start + count] for start in range(0, len(words), count)]
    for block in track(blocks, "reading sentences"):
        sentences = [_capital(template.replace("{word}", word)) for word in block for template in templates]
        found = embed(sentences).double()
        if not torch.isfinite(found).all() or not found.any(dim=1).all():
            raise DataError(explain("SEAT", expected="vectors with a direction", got="NaN, infinity or zero"))
        yield from found.unflatten(0, (len(block), len(templates)))


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
