"""Figures of bias in words, for who has never met them."""

from eigenlm.vectors.bias.score import BiasScore

_CHANCE = 0.05
_STRENGTHS = ((0.8, "strongly"), (0.5, "clearly"), (0.2, "weakly"), (0.0, "hardly"))  # Cohen 1988


def lean(score: BiasScore) -> str:
    """Which group is nearer to which attribute, if chance would seldom make it so."""
    assert score.test is not None, "WEAT has its test"
    (x, y), (a, b), p = score.targets, score.attributes, score.test.p.value
    strength = next(said for least, said in _STRENGTHS if abs(score.value.value) >= least)
    if p < _CHANCE:
        return _sentence(f"{x} nearer to {a}, {y} to {b}: {strength}")
    if p > 1 - _CHANCE:
        return _sentence(f"the other way: {x} nearer to {b}, {y} to {a}: {strength}")
    return "Not told from chance"


def nearer_above_zero(score: BiasScore) -> str:
    """Which of two groups an attribute is nearer to, the first where the figure is above 0."""
    return _nearer(score, *score.targets)


def nearer_below_zero(score: BiasScore) -> str:
    """The same where it is below 0."""
    return _nearer(score, *score.targets[::-1])


def most_with_the_second(score: BiasScore) -> str:
    """The targets that are most and least like the second attribute."""
    return _most_and_least(f"like {score.attributes[1]}", score)


def most_distant(score: BiasScore) -> str:
    """The targets that are farthest from the attributes and nearest to them."""
    return _most_and_least("distant", score)


def likeness(score: BiasScore) -> str:
    """Whether two groups order an attribute's words alike."""
    r, (x, y) = score.value.value, score.targets
    said = "much alike" if r > 0.8 else "partly alike" if r > 0.4 else "hardly alike"
    return _sentence(f"{x} and {y} order {score.attributes[0]} {said}")


def _nearer(score: BiasScore, above: str, below: str) -> str:
    group = above if score.value.low > 0 else below if score.value.high < 0 else "neither, as far as can be told"
    return _sentence(f"{score.attributes[0]}: nearer to {group}")


def _most_and_least(what: str, score: BiasScore) -> str:
    (least, low), *_, (most, high) = sorted(score.by_word.items(), key=lambda word: word[1])
    return f"Most {what}: {most} ({high:.2f}); least: {least} ({low:.2f})"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
