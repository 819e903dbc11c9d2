"""Analogy questions, a is to b as c is to ?: how many a space answers, without and with the words of the question."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.linalg.similarity import unit_rows
from eigenlm.linalg.wilson import wilson
from eigenlm.progress import track
from eigenlm.vectors.beaten import ZERO, Rule, beaten
from eigenlm.vectors.word_vectors import WordVectors

_QUESTIONS = 4096  # whose different words have their cosines in memory at once


@dataclass(frozen=True, kw_only=True)
class Answered:
    """How many questions of a kind were answered.

    Attributes:
        name: of the kind.
        asked: questions whose four words all have vectors.
        unknown: the others.
        correct: answered, the words of the question left out of the answers, as the score is usually told.
        honest: answered with nothing left out.
    """

    name: str
    asked: int
    unknown: int
    correct: int
    honest: int

    @property
    def accuracy(self) -> Estimate:
        """correct / asked, with Wilson's interval, as if questions were independent of each other."""
        return wilson(self.correct, self.asked)

    @property
    def honest_accuracy(self) -> Estimate:
        """honest / asked, likewise."""
        return wilson(self.honest, self.asked)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What became of every question whose words have vectors.

    Attributes:
        kinds: the name of each kind, how many of its questions were asked, and how many words were unknown for.
        correct: (n) whether each was answered, the words of the question left out.
        honest: (n) likewise with nothing left out.
    """

    kinds: Sequence[tuple[str, int, int]]
    correct: Bool[Tensor, " n"]
    honest: Bool[Tensor, " n"]

    def by_kind(self) -> list[Answered]:
        """How many of each kind were answered; the last row is of all of them."""
        sizes = [asked for _, asked, _ in self.kinds]
        found = [
            Answered(name=name, asked=asked, unknown=unknown, correct=int(correct.sum()), honest=int(honest.sum()))
            for (name, asked, unknown), correct, honest in zip(
                self.kinds, self.correct.split(sizes), self.honest.split(sizes)
            )
        ]
        totals = {name: sum(getattr(one, name) for one in found) for name in ("asked", "unknown", "correct", "honest")}
        return [*found, Answered(name="all", **totals)]


def analogies(space: WordVectors, questions: Path, *, rule: Rule = "3CosAdd", most: int = 300_000) -> list[Answered]:
    """How many questions of a file are answered, kind by kind; the last row is of all of them.

    Arguments and errors are those of `answers`.
    """
    return answers(space, questions, rule=rule, most=most).by_kind()


def answers(space: WordVectors, questions: Path, *, rule: Rule = "3CosAdd", most: int = 300_000) -> Answers:
    """Answer a file of questions.

    3CosAdd answers argmax cos(d, b - a + c) of vectors at length 1 (Mikolov and others 2013); 3CosMul answers argmax
    cos(d, b) cos(d, c) / cos(d, a), cosines moved to [0, 1] (Levy and Goldberg 2014). Words are compared without regard
    to large and small letters, the first of the space where several are alike, and answers come from the first `most`
    words: so does gensim's `evaluate_word_analogies`.

    Args:
        space: words and vectors.
        questions: lines of four words, kinds of them under lines that begin with a colon (Google's questions-words).
        rule: how an answer is found.
        most: words of the space, from the first, that are looked at.

    Raises:
        DataError: no file, no questions, or none whose words have vectors.
    """
    units = unit_rows(space.vectors[:most])
    first: dict[str, int] = {}
    for i, word in enumerate(space.words[:most]):
        first.setdefault(word.upper(), i)
    letters = torch.tensor([first[word.upper()] for word in space.words[:most]])
    alike = _alike(letters)
    kinds = _read(questions)
    rows = [[[first.get(word.upper(), -1) for word in four] for four in fours] for _, fours in kinds]
    known = [[four for four in fours if min(four) >= 0] for fours in rows]
    if not any(known):
        raise DataError(explain(f"questions of {questions}", expected="words that have vectors", got="none"))
    correct, honest = _scored(torch.tensor([four for fours in known for four in fours]), units, alike, rule)
    told = [(name, len(some), len(fours) - len(some)) for (name, fours), some in zip(kinds, known)]
    return Answers(kinds=told, correct=correct, honest=honest)


def _alike(letters: Int[Tensor, " V"]) -> Int[Tensor, "V m"]:
    """The rows of the same word in other letters, for the first of them; itself where there are no more."""
    order = letters.argsort(stable=True)
    sizes = letters.bincount(minlength=len(letters))
    place = torch.arange(len(letters)) - (sizes.cumsum(0) - sizes)[letters[order]]
    table = torch.arange(len(letters)).unsqueeze(1).repeat(1, int(sizes.max()))
    table[letters[order], place] = order
    return table


def _scored(
    rows: Int[Tensor, "n 4"], units: Float[Tensor, "V D"], alike: Int[Tensor, "V m"], rule: Rule
) -> tuple[Bool[Tensor, " n"], Bool[Tensor, " n"]]:
    """Whether the fourth word is the answer, with the other three left out, and with nothing left out."""
    correct, honest = [], []
    for some in track(rows.split(_QUESTIONS), "answering"):
        asked, wanted = alike[some[:, :3]].flatten(1), alike[some[:, 3]]
        scores = _scores(units[some[:, :3]], units[torch.cat([asked, wanted], 1)], rule)
        own, bars = scores.split([asked.shape[1], wanted.shape[1]], 1)
        bars, again = bars.amax(1), (asked.unsqueeze(2) == wanted.unsqueeze(1)).any(2)
        best = ~beaten(units, some[:, :3], bars, torch.cat([asked, wanted], 1), rule)
        correct.append(best & ~again.any(1))
        honest.append(best & (own.masked_fill(again, -torch.inf).amax(1) <= bars))
    return torch.cat(correct), torch.cat(honest)


def _scores(queries: Float[Tensor, "n 3 D"], rows: Float[Tensor, "n k D"], rule: Rule) -> Float[Tensor, "n k"]:
    """The scores of rows as answers to `a is to b as c`."""
    near_a, near_b, near_c = (queries @ rows.mT).unbind(1)
    if rule == "3CosAdd":
        return near_b - near_a + near_c
    near_a, near_b, near_c = ((1 + near) / 2 for near in (near_a, near_b, near_c))
    return near_b * near_c / (near_a + ZERO)


def _read(path: Path) -> list[tuple[str, list[list[str]]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(explain(f"reading {path}", expected="a text of questions", got=str(error)[:200])) from error
    kinds: list[tuple[str, list[list[str]]]] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith(":"):
            kinds.append((line[1:].strip(), []))
        elif words := line.split():
            if len(words) != 4:
                raise DataError(explain(f"{path}, line {number}", expected="four words", got=len(words)))
            if not kinds:
                kinds.append(("questions", []))
            kinds[-1][1].append(words)
    if not any(fours for _, fours in kinds):
        raise DataError(explain(f"reading {path}", expected="lines of four words", got="none"))
    return [kind for kind in kinds if kind[1]]
