import numpy as np
import torch

from eigenlm.vectors.cooccurrence import cooccurrence
from eigenlm.vectors.corpus import read_corpus
from eigenlm.vectors.ppmi import ppmi
from eigenlm.vectors.spectral import PpmiSvd, train
from eigenlm.vectors.word_vectors import WordVectors


def two_topics(sentences: int = 600) -> str:
    """Words of one topic stand with each other; those of two never do, but for some that stand everywhere."""
    rng = np.random.default_rng(0)
    topics = [[f"{topic}{i}" for i in range(12)] for topic in ("sea", "hill")]
    lines = []
    for _ in range(sentences):
        words = [str(word) for word in rng.choice(topics[rng.integers(2)], 8)]
        lines.append(" ".join([*words[:4], "the", *words[4:]]))
    return "\n".join(lines)


def test_vectors_are_those_of_the_dense_decomposition():
    corpus = read_corpus(two_topics(100), min_count=1)
    upper = ppmi(cooccurrence(corpus, window=3), smoothing=0.75)
    U, S, _ = np.linalg.svd((upper + upper.T).toarray().astype(np.float64))
    found = train(corpus, PpmiSvd(dim=5, window=3, smoothing=0.75, power=0.5, weighting="linear"))
    found = found.vectors.double().numpy()
    want = U[:, :5] * S[:5] ** 0.5
    np.testing.assert_allclose(found @ found.T, want @ want.T, atol=2e-4)  # vectors up to their signs


def test_words_of_like_company_point_alike_and_reruns_are_equal_to_the_bit():
    corpus = read_corpus(two_topics())
    first, second = (train(corpus, PpmiSvd(dim=8)).vectors for _ in range(2))
    assert torch.equal(first, second)
    space = WordVectors(corpus.words, first)
    assert all(near.word.startswith("sea") for near in space.neighbours("sea3", 5))
    assert all(near.word.startswith("hill") for near in space.neighbours("hill3", 5))
    assert space.odd_one_out(["sea1", "sea2", "hill4"])[0].word == "hill4"


def test_a_text_of_fewer_words_than_directions_gives_as_many_as_there_are():
    corpus = read_corpus("a b c a b c a b c", min_count=1)
    assert train(corpus, PpmiSvd(dim=50)).vectors.shape == (3, 3)
