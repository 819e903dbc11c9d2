"""Tokens a second of one conversation."""

import time
from statistics import median

from eigenlm.engine import generate
from eigenlm.language_model import LanguageModel


def decoding_rate(lm: LanguageModel, prompt: str, *, num_tokens: int = 48, runs: int = 3) -> float:
    """New tokens a second at batch 1, the median of some runs after one that is not counted."""
    ids = lm.tokenizer.encode(prompt, add_markers=True)
    rates = []
    for _ in range(runs + 1):
        steps = generate(lm.runner, [ids], max_tokens=num_tokens)
        next(steps)  # the prompt itself, read at another speed
        start = time.perf_counter()
        count = sum(1 for _ in steps)
        rates.append(count / (time.perf_counter() - start))
    return median(rates[1:])
