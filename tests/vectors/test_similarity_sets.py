import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from eigenlm.errors import DataError
from eigenlm.vectors.similarity_sets import judged
from eigenlm.vectors.word_vectors import WordVectors


def test_it_is_spearmans_correlation_of_cosines_with_judgements(tmp_path):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 5))
    space = WordVectors([f"w{i}" for i in range(30)], torch.from_numpy(vectors).float())
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [(i, j) for i in range(12) for j in range(12, 18)]
    scores = [round(float(units[i] @ units[j] + 0.4 * rng.normal()), 2) for i, j in pairs]
    lines = [
        "# a set",
        "word1\tword2\tscore",
        *(f"w{i}\tW{j}\t{score}" for (i, j), score in zip(pairs, scores)),
        "w1\tno\t3",
    ]
    (tmp_path / "set.tsv").write_text("\n".join(lines))
    found = judged(space, tmp_path / "set.tsv")
    want = spearmanr([units[i] @ units[j] for i, j in pairs], scores).statistic
    assert found.spearman.value == pytest.approx(want, abs=1e-6)
    assert found.spearman.low < want < found.spearman.high
    assert (found.name, found.pairs, found.unknown) == ("set", len(pairs), 1)


def test_too_few_known_pairs_are_refused(tmp_path):
    (tmp_path / "set.tsv").write_text("a\tb\t1\n")
    with pytest.raises(DataError, match="expected three whose words have vectors, got 0 of 1"):
        judged(WordVectors(["x"], torch.ones(1, 2)), tmp_path / "set.tsv")
