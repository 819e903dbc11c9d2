import math
from pathlib import Path

import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.linalg.wilson import wilson
from eigenlm.vectors.analogies import analogies
from eigenlm.vectors.word_vectors import WordVectors


def space_and_questions(tmp_path: Path, cased: bool) -> tuple[WordVectors, Path]:
    """Words w0 ... w39 near a line of pairs, so that some questions are answered and some are not."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(20, 6))
    vectors = np.concatenate([base, base + 0.8 * rng.normal(size=6) + 0.45 * rng.normal(size=(20, 6))])
    words = [f"w{i}" for i in range(40)]
    if cased:
        words = [*words, "W3", "W21", "W30"]
        vectors = np.concatenate([vectors, vectors[[3, 21, 30]] + 0.1 * rng.normal(size=(3, 6))])
    lines = [": first"]
    lines += [f"w{i} w{i + 20} w{j} w{j + 20}" for i in range(10) for j in range(20) if i != j]
    lines += [
        ": second",
        *(f"w{j + 20} W{j} w{i + 20} w{i}" for i in range(10) for j in range(10, 20)),
        "w1 w2 w3 nobody",
    ]
    path = tmp_path / "questions.txt"
    path.write_text("\n".join(lines) + "\n")
    return WordVectors(words, torch.from_numpy(vectors).float()), path


def naive(space: WordVectors, path: Path, rule: str, *, honest: bool) -> list[int]:
    """Questions one by one in float64."""
    units = space.vectors.double()
    units = (units / units.norm(dim=1, keepdim=True)).numpy()
    upper = [word.upper() for word in space.words]
    right: list[int] = []
    for line in path.read_text().splitlines():
        if line.startswith(":"):
            right.append(0)
            continue
        asked = [word.upper() for word in line.split()]
        if not all(word in upper for word in asked):
            continue
        a, b, c = (units[upper.index(word)] for word in asked[:3])
        if rule == "3CosAdd":
            scores = units @ (b - a + c)
        else:
            scores = (1 + units @ b) / 2 * (1 + units @ c) / 2 / ((1 + units @ a) / 2 + 1e-3)
        ranked = [upper[i] for i in np.argsort(-scores)]
        answer = next(word for word in ranked if honest or word not in asked[:3])
        right[-1] += answer == asked[3]
    return right


@pytest.mark.parametrize("cased", [False, True])
@pytest.mark.parametrize("rule", ["3CosAdd", "3CosMul"])
def test_scores_are_those_of_one_question_at_a_time(rule, cased, tmp_path, monkeypatch):
    space, path = space_and_questions(tmp_path, cased)
    monkeypatch.setattr("eigenlm.vectors.beaten._TILE", 8)
    monkeypatch.setattr("eigenlm.vectors.beaten._TILES", 3)
    monkeypatch.setattr("eigenlm.vectors.analogies._QUESTIONS", 37)
    first, second, whole = analogies(space, path, rule=rule)
    assert [first.correct, second.correct] == naive(space, path, rule, honest=False)
    assert [first.honest, second.honest] == naive(space, path, rule, honest=True)
    assert 0 < whole.honest < whole.correct < whole.asked
    assert (second.unknown, whole.unknown, whole.asked) == (1, 1, first.asked + second.asked)


def test_only_the_first_words_are_looked_at(tmp_path):
    space, path = space_and_questions(tmp_path, cased=False)
    assert analogies(space, path, most=30)[-1].unknown > 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected lines of four words, got none"),
        (": kind\nking man woman\n", "line 2: expected four words, got 3"),
        ("no such words here\n", "expected words that have vectors, got none"),
    ],
)
def test_files_that_are_no_questions_are_refused(text, said, tmp_path):
    space, _ = space_and_questions(tmp_path, cased=False)
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(DataError, match=said):
        analogies(space, tmp_path / "bad.txt")


@pytest.mark.parametrize(("count", "total"), [(0, 5), (5, 5), (3, 10), (499, 1000)])
def test_wilsons_ends_solve_its_equation(count, total):
    found, z = wilson(count, total), 1.959963984540054
    assert found.value == count / total
    for end in (found.low, found.high):
        assert end in (0.0, 1.0) or math.isclose(
            (count / total - end) ** 2, z**2 * end * (1 - end) / total, rel_tol=1e-9
        )
