"""Tokens a second of one conversation."""

import time
from collections.abc import Sequence
from statistics import median

from eigenlm.engine import generate
from eigenlm.language_model import LanguageModel


def decoding_rates(models: Sequence[LanguageModel], prompt: str, *, num_tokens: int = 48, runs: int = 5) -> list[float]:
    """New tokens a second at batch 1 of each, by turns: the median of some runs after one that is not counted."""
    rates: list[list[float]] = [[] for _ in models]
    for _ in range(runs + 1):
        for lm, of_model in zip(models, rates):
            ids = lm.tokenizer.encode(prompt, add_markers=True)
            steps = generate(lm.runner, [ids], max_tokens=num_tokens)
            next(steps)  # the prompt itself, read at another speed
            start = time.perf_counter()
            count = sum(1 for _ in steps)
            of_model.append(count / (time.perf_counter() - start))
    return [median(of_model[1:]) for of_model in rates]
