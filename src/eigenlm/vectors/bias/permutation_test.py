"""How often chance would part two groups as far: all ways to deal the same values out, counted and not drawn."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from eigenlm.estimate import Estimate
from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.wilson import wilson

_MOST_SUMS = 1 << 25  # of half of the values that are held at once: two groups of 25 values
_DRAWS = 100_000
_GRID = 1 << 40  # steps from 0 to the largest value


@dataclass(frozen=True, kw_only=True)
class PermutationTest:
    """How likely a difference is by chance.

    Attributes:
        p: the share of the ways to deal the values into two groups of these sizes in which the first group's sum is at
            least as large as it is; one-sided. Of a sample, with Wilson's interval.
        ways: how many ways there are, or were drawn.
        exact: whether all ways were counted; the interval is then the value.
    """

    p: Estimate
    ways: int
    exact: bool


def permutation_test(first: Float64[Tensor, " n"], second: Float64[Tensor, " m"], *, seed: int = 0) -> PermutationTest:
    """All (n + m) choose n ways for two groups of 25 values or fewer, else 100,000 of them at random and the given one.

    For every way the sums of the groups add up to one number, so that the first sum decides. The values are cut into
    halves; a way takes k from one half and n - k from the other, and for each k, how often sums of the two together
    reach the given one is found in their sorted lists (Horowitz and Sahni 1974): 2^25 sums instead of 10^14 ways.
    Values are rounded to whole multiples of 2^-40 of the largest, so that sums are exact, and a sum that is less by no
    more than rounding does counts as equal.

    Args:
        first: (n,) values of the first group.
        second: (m,) of the second.
        seed: of the ways that are drawn.
    """
    values = torch.cat([first, second]).numpy()
    n, N = len(first), len(values)
    peak = float(np.abs(values).max())
    steps = np.rint(values / peak * _GRID).astype(np.int64) if peak > 0 else np.zeros(N, np.int64)
    target = int(steps[:n].sum()) - N
    ways = math.comb(N, n)
    if max(sum(math.comb(half, k) for k in range(min(n, half) + 1)) for half in (N // 2, N - N // 2)) <= _MOST_SUMS:
        share = _reached(steps[: N // 2], steps[N // 2 :], n, target) / ways
        return PermutationTest(p=Estimate(value=share, low=share, high=share), ways=ways, exact=True)
    hits = _drawn(torch.from_numpy(steps), n, target, seed)
    known = wilson(hits, _DRAWS)
    p = Estimate(value=(hits + 1) / (_DRAWS + 1), low=known.low, high=max(known.high, 1 / (_DRAWS + 1)))
    return PermutationTest(p=p, ways=_DRAWS + 1, exact=False)


def _reached(left: np.ndarray, right: np.ndarray, n: int, target: int) -> int:
    """In how many ways n values sum to the target or more."""
    of_left, of_right = _sums(left, n), _sums(right, n)
    count = 0
    for k in range(max(0, n - len(right)), min(n, len(left)) + 1):
        some, others = np.sort(of_left[k]), np.sort(of_right[n - k])
        count += len(some) * len(others) - int(np.searchsorted(others, target - some).sum())
    return count


def _sums(values: np.ndarray, most: int) -> list[np.ndarray]:
    """The sums of all choices of 0, 1, ... and at most so many values."""
    by_size = [np.zeros(1, np.int64)]
    for value in values:
        larger = [np.concatenate(pair) for pair in zip(by_size[1:], (sums + value for sums in by_size))]
        by_size = [by_size[0], *larger, *([by_size[-1] + value] if len(by_size) <= most else [])]
    return by_size


def _drawn(steps: Tensor, n: int, target: int, seed: int) -> int:
    """In how many of the draws n values sum to the target or more."""
    generator, hits = seeded(seed), 0
    for block in torch.full((_DRAWS,), n).split(10_000):
        chosen = torch.rand(len(block), len(steps), generator=generator).argsort(dim=1)[:, :n]
        hits += int((steps[chosen].sum(1) >= target).sum())
    return hits
