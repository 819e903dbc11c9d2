"""Queries put to a space: what is found, what is left out and what is refused."""

import dataclasses

import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.vectors.bias import METRICS, BiasQuery, WordList, bias, parse_query, seat
from eigenlm.vectors.word_vectors import WordVectors
from tests.vectors.bias.spaces import query, space, words


def leaning(strength: float, *, seed: int = 0, count: int = 6) -> WordVectors:
    """Groups x and y that lean to a and b with a strength, among noise."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.eye(8)[:2]
    sets = [strength * (a - b), -strength * (a - b), 2 * a, 2 * b]
    names = [f"{letter}{i}" for letter in "xyab" for i in range(count)]
    return WordVectors(names, torch.cat([one + 0.5 * torch.randn(count, 8, generator=generator) for one in sets]))


def question(count: int = 6) -> BiasQuery:
    x, y, a, b = (WordList(name=letter, words=tuple(f"{letter}{i}" for i in range(count))) for letter in "xyab")
    return BiasQuery(name="q", targets=(x, y), attributes=(a, b), paired=True)


def test_every_metric_is_measured_with_its_interval_and_found_again():
    answers = bias(leaning(1.0), [question()], tuple(METRICS))
    [answer] = answers
    assert not answer.refused
    assert {score.metric for score in answer.scores} == set(METRICS)
    assert [score.metric for score in answer.scores].count("rnd") == 2  # one of each attribute
    for score in answer.scores:
        assert score.value.low <= score.value.value <= score.value.high
        assert score.finding[:1].isupper()
        assert (score.test is not None) == (score.metric == "weat")
    assert answers == bias(leaning(1.0), [question()], tuple(METRICS))
    assert answers != bias(leaning(1.0), [question()], tuple(METRICS), seed=1)


def test_a_lean_is_told_with_its_direction_and_noise_is_not():
    [there], [back] = (bias(leaning(strength), [question()])[0].scores for strength in (1.0, -1.0))
    assert there.finding == "X nearer to a, y to b: strongly"
    assert there.test.p.value == 1 / 924  # no other of 12 choose 6 ways
    assert there.value.low > 0
    assert back.finding == "The other way: x nearer to b, y to a: strongly"
    assert back.test.p.value == 1
    findings = [bias(leaning(0.0, seed=seed), [question()])[0].scores[0].finding for seed in range(30, 60)]
    # Each way is told of noise once in twenty times: of 30, more than 8 with a chance of 1 in 500.
    assert findings.count("Not told from chance") >= 22
    assert set(there.by_word) == {*question().targets[0].words, *question().targets[1].words}


def test_missing_words_are_listed_and_a_fifth_of_a_set_may_be():
    [answer] = bias(space(), [parse_query("w0,w1,w2,w3,nobody / w8,w9,w10,w11,W12 ~ w16,w17 / w23,w24")])
    assert (answer.used, answer.missing) == (13, ("nobody",))
    assert answer.scores[0].metric == "weat"
    with pytest.raises(DataError, match=r"got 2 of 5 words of 'w0 etc\.' have no vector"):
        bias(space(), [parse_query("w0,w1,w2,none,nobody / w8,w9,w10,w11,w12 ~ w16,w17 / w23,w24")])
    both = [parse_query("w0,none / w8,w9 ~ w16,w17 / w23,w24", "one"), parse_query("w0,w1 / w8,w9 ~ w16,w17 / w23,w24")]
    refused, measured = bias(space(), both)
    assert refused.refused == {"weat": "1 of 2 words of 'w0 etc.' have no vector"}
    assert measured.scores


def test_pairs_with_a_word_missing_are_left_out_whole():
    x, y = (WordList(name=name, words=some) for name, some in (("x", words(0, 6)), ("y", (*words(8, 13), "no"))))
    asked = BiasQuery(name="q", targets=(x, y), attributes=query().attributes, paired=True)
    [answer] = bias(space(), [asked], ["ripa"])
    assert answer.missing == ("w5", "no")
    whole = dataclasses.replace(
        asked, targets=(WordList(name="x", words=words(0, 5)), WordList(name="y", words=words(8, 13)))
    )
    assert [one.value.value for one in answer.scores] == [
        one.value.value for one in bias(space(), [whole], ["ripa"])[0].scores
    ]


REFUSED = [
    ("w0 / w8 ~ w16,w17 / w23,w24", "weat", "'w0' has 1 word with a vector, and 2 are needed"),
    ("w0,w1 / w8,w9 ~ w16,w17", "weat", "it takes 2 sets of attributes, and there are 1"),
    ("w0,w1 / w8,w9 / w10,w11 ~ w16,w17", "rnd", "it takes 2 groups, and there are 3"),
    ("w0,w1 / w8,w9 ~ w16,w17", "ripa", "it takes pairs of words"),
    ("a,b / c,d ~ e,f / g,h", "weat", "2 of 2 words of 'a etc.' have no vector"),
]


@pytest.mark.parametrize(("said", "metric", "why"), REFUSED)
def test_what_a_metric_cannot_take_is_refused(said, metric, why):
    with pytest.raises(DataError) as told:
        bias(space(), [parse_query(said)], [metric])
    assert why in str(told.value)


def test_vectors_that_are_no_directions_are_missing_or_refused():
    damaged = space()
    damaged.vectors[0] = 0
    [answer] = bias(damaged, [query(paired=False)])
    assert answer.missing == ("w0",)
    damaged.vectors[9, 2] = torch.nan
    with pytest.raises(DataError, match="expected finite numbers, got others for 'w9'"):
        bias(damaged, [query()])


def test_sentences_are_asked_as_words_are():
    found = leaning(1.0)

    def embed(texts):
        return torch.stack([found[text.removeprefix("Of ").rstrip(".!")] for text in texts])

    [words_alone], [in_sentences] = bias(found, [question()]), seat(embed, [question()], ["Of {word}.", "Of {word}!"])
    assert in_sentences.scores[0].value.value == pytest.approx(words_alone.scores[0].value.value, rel=1e-12)
    assert in_sentences.scores[0].test == words_alone.scores[0].test  # sentences of a word stay together
    assert in_sentences.scores[0].by_word == pytest.approx(words_alone.scores[0].by_word, rel=1e-12)


def test_a_sentence_encoder_that_tells_nothing_is_refused():
    with pytest.raises(DataError, match="got NaN, infinity or zero"):
        seat(lambda texts: torch.zeros(len(texts), 4), [question()], ["{word}."])
    with pytest.raises(DataError, match="expected sentences with"):
        seat(lambda texts: torch.ones(len(texts), 4), [question()], ["nothing"])
    with pytest.raises(DataError, match="got it takes 2 sets of attributes"):
        seat(lambda texts: torch.randn(len(texts), 4), [parse_query("a,b / c,d ~ e,f")], ["{word}."])


def test_an_unknown_metric_is_refused():
    with pytest.raises(DataError, match="did you mean 'weat'"):
        bias(space(), [query()], ["weta"])
