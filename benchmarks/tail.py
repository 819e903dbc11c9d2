"""The tail's exponent on spectra of known laws: does its interval cover, and is the verdict right? Then on real models.

Spectra of 50 to 4,000 eigenvalues (even in the logarithm) are drawn from each law, with exponents from 1.5 to 6. Those
with a body have 20 to 80 % of their eigenvalues in the tail, at least 15 (no shorter tail is looked for), and the start
of the tail, 1, has to be found; `short tail` has 3 to 20 %. Beside ours stands WeightWatcher's alpha +- 1.96 sigma,
from `analyze.weightwatcher`, which repeats its fit to 1e-6. `python benchmarks/tail.py --spectra 100` is a smaller run.
"""

import argparse
import itertools
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from record import record, spread

from eigenlm import linalg
from eigenlm.analysis.spectra.tail import tail
from eigenlm.analysis.spectra.weightwatcher.power_law import fit_power_law
from eigenlm.checkpoint import open_tensors

MODELS = ("smollm2-135m-instruct", "minilm-l6-v2")
VERDICTS = ("power law supported", "not distinguishable", "rejected", "too few values")
SMALLEST_TAIL = 15
WORKERS = 2
RUNS = 3
Draw = Callable[[np.random.Generator, int], np.ndarray]


class Trial(NamedTuple):
    """One spectrum: what it was, and what was said of it."""

    n: int
    verdict: str
    parameter: float | None
    alpha: float | None
    covered: bool
    covered_weightwatcher: bool
    log_width: float


def pareto(rng: np.random.Generator, n: int, alpha: float) -> np.ndarray:
    return np.exp(rng.exponential(1 / (alpha - 1), n))


def rejection(
    rng: np.random.Generator, n: int, propose: Draw, accept: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """n draws of a law whose density is the proposal's times `accept`, which is at most 1."""
    found = np.empty(0)
    while len(found) < n:
        x = propose(rng, 4 * n + 16)
        found = np.append(found, x[rng.random(len(x)) < accept(x)])
    return found[:n]


def flat(rng: np.random.Generator, n: int, alpha: float) -> np.ndarray:
    return rng.uniform(0, 1, n)


def smooth(rng: np.random.Generator, n: int, alpha: float) -> np.ndarray:
    """exp(-alpha x) below 1: the density has no kink at the tail's start (arXiv:0706.1062, equation 3.10)."""
    return -np.log1p(-rng.random(n) * -np.expm1(-alpha)) / alpha


def lognormal_below(rng: np.random.Generator, n: int, alpha: float) -> np.ndarray:
    scale = rng.uniform(1, 3) / (alpha - 1)
    centre = -scale * rng.uniform(0, 1)
    return rejection(rng, n, lambda rng, n: np.exp(rng.normal(centre, scale, n)), lambda x: (x < 1).astype(float))


def bulk(rng: np.random.Generator, n: int, alpha: float = 0.0) -> np.ndarray:
    """Marchenko and Pastur's law of matrices twice as wide as high, its edge at 1."""
    low = ((1 - 0.5**0.5) / (1 + 0.5**0.5)) ** 2
    peak = (1 - low) / (2 * low**0.5)  # of sqrt((1 - x)(x - low)) / x, at x = 2 low / (1 + low)
    return rejection(rng, n, lambda rng, n: rng.uniform(low, 1, n), lambda x: np.sqrt((1 - x) * (x - low)) / (x * peak))


def with_body(
    body: Callable[[np.random.Generator, int, float], np.ndarray],
    share: tuple[float, float],
    rng: np.random.Generator,
    n: int,
    alpha: float,
) -> np.ndarray:
    size = max(SMALLEST_TAIL, rng.binomial(n, rng.uniform(*share)))
    return np.concatenate([pareto(rng, size, alpha), body(rng, n - size, alpha)])


def lognormal(rng: np.random.Generator, n: int, sigma: float) -> np.ndarray:
    return np.exp(rng.normal(0, sigma, n))


def truncated(rng: np.random.Generator, n: int, cutoff: float) -> np.ndarray:
    """x^-2.5 exp(-x / cutoff) from 1 on."""
    return rejection(rng, n, lambda rng, n: pareto(rng, n, 2.5), lambda x: np.exp(-(x - 1) / cutoff))


def exponential(rng: np.random.Generator, n: int, scale: float) -> np.ndarray:
    return rng.exponential(scale, n)


LONG, SHORT = (0.2, 0.8), (0.03, 0.2)
# A law with an exponent, and the range of the exponents.
KNOWN: dict[str, Callable[..., np.ndarray]] = {
    "pure power law": pareto,
    "flat body": partial(with_body, flat, LONG),
    "smooth body": partial(with_body, smooth, LONG),
    "lognormal body": partial(with_body, lognormal_below, LONG),
    "Marchenko-Pastur body": partial(with_body, bulk, LONG),
}
HARD: dict[str, Callable[..., np.ndarray]] = {
    "short tail, smooth body": partial(with_body, smooth, SHORT),
    "short tail, Marchenko-Pastur body": partial(with_body, bulk, SHORT),
}
EXPONENTS = (1.5, 6.0)
# Laws that are no power law, and the range of their parameter.
OTHER: dict[str, tuple[Callable[..., np.ndarray], tuple[float, float]]] = {
    "lognormal, sigma 0.3 to 3": (lognormal, (0.3, 3.0)),
    "truncated power law, cutoff 3 to 100": (truncated, (3.0, 100.0)),
    "exponential": (exponential, (1.0, 1.0)),
    "Marchenko-Pastur": (bulk, (0.0, 0.0)),
}


def trial(law: Callable[..., np.ndarray], span: tuple[float, float], known: bool, seed: tuple[int, int]) -> Trial:
    """Draw one spectrum, and ask both."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    parameter = rng.uniform(*span)
    n = int(np.exp(rng.uniform(np.log(50), np.log(4000))))
    x = np.sort(law(rng, n, parameter))
    found = tail(torch.from_numpy(np.sqrt(x[::-1])))
    peer = fit_power_law(x) if known else None
    return Trial(
        n=n,
        verdict=found.verdict,
        parameter=parameter,
        alpha=found.alpha,
        covered=known and found.alpha_low <= parameter <= found.alpha_high,
        covered_weightwatcher=peer is not None and abs(peer.alpha - parameter) <= 1.96 * peer.sigma,
        log_width=float(np.log((found.alpha_high - 1) / (found.alpha_low - 1))),
    )


def share(trials: list[Trial], what: Callable[[Trial], bool]) -> float | None:
    return sum(map(what, trials)) / len(trials) if trials else None


def verdicts(trials: list[Trial]) -> dict[str, float | None]:
    return {word: share(trials, lambda t, word=word: t.verdict == word) for word in VERDICTS}


def coverage(trials: list[Trial]) -> dict[str, Any]:
    """Over all, by size, and where the power law was not rejected."""
    kept = [t for t in trials if t.verdict != "rejected"]
    covered = lambda t: t.covered  # noqa: E731
    return {
        "spectra": len(trials),
        "coverage": share(trials, covered),
        "coverage_below_200": share([t for t in trials if t.n < 200], covered),
        "coverage_from_1000": share([t for t in trials if t.n >= 1000], covered),
        "coverage_where_not_rejected": share(kept, covered),
        "weightwatcher_coverage": share(trials, lambda t: t.covered_weightwatcher),
        "log_width": spread([t.log_width for t in trials]),
        "verdicts": verdicts(trials),
    }


def by_parameter_and_size(trials: list[Trial], edges: list[float]) -> list[dict[str, Any]]:
    """The share called a power law in each cell."""
    cells = []
    for low, high in itertools.pairwise(edges):
        for smallest, largest in ((50, 200), (200, 1000), (1000, 4001)):
            cell = [t for t in trials if low <= t.parameter < high and smallest <= t.n < largest]
            supported = share(cell, lambda t: t.verdict == "power law supported")
            cells.append({"sigma": [low, high], "n": [smallest, largest], "spectra": len(cell), "supported": supported})
    return cells


def real_model(name: str) -> dict[str, Any]:
    """Verdicts on every matrix, and how long they take."""
    tensors = open_tensors(name)
    spectra = [
        linalg.singular_values(tensors[key].double().flatten(1)) for key in tensors if len(tensors.shape(key)) > 1
    ]
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {"1 thread": [], "2 threads": []}
    for _ in range(RUNS):
        for threads, times in enumerate(seconds.values(), start=1):
            with ThreadPoolExecutor(threads) as pool:
                start = time.perf_counter()
                found = list(pool.map(tail, spectra))
                times.append(time.perf_counter() - start)
    fitted = [f for f in found if f.alpha is not None]
    return {
        "matrices": len(found),
        "verdicts": dict(Counter(f.verdict for f in found)),
        "a_lognormal_is_better": sum(f.lognormal.log_ratio < 0 and f.lognormal.p < 0.05 for f in fitted),
        "a_lognormal_is_better_by_vuong": sum(f.lognormal.log_ratio < 0 and f.lognormal.vuong_p < 0.05 for f in fitted),
        "alpha": spread([f.alpha for f in fitted]),
        "width_of_interval": spread([f.alpha_high - f.alpha_low for f in fitted]),
        "num_tail": spread([f.num_tail for f in fitted]),
        "seconds": {threads: spread(times) for threads, times in seconds.items()},
    }


def seconds_of_size(n: int) -> float:
    S = torch.from_numpy(np.sort(np.random.default_rng(0).lognormal(0, 1, n))[::-1].copy())
    start = time.perf_counter()
    tail(S)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spectra", type=int, default=500, help="spectra of each law")
    spectra = range(parser.parse_args().spectra)
    with ProcessPoolExecutor(WORKERS) as pool:

        def trials(name: str, law: Callable[..., np.ndarray], span: tuple[float, float], known: bool) -> list[Trial]:
            seeds = [(zlib.crc32(name.encode()), i) for i in spectra]  # no two laws share their draws
            return list(pool.map(partial(trial, law, span, known), seeds, chunksize=5))

        known = {name: trials(name, law, EXPONENTS, True) for name, law in KNOWN.items()}
        hard = {name: trials(name, law, EXPONENTS, True) for name, law in HARD.items()}
        other = {name: trials(name, law, span, False) for name, (law, span) in OTHER.items()}
    figures = {
        "coverage_all": coverage([t for found in known.values() for t in found]),
        "coverage": {name: coverage(found) for name, found in known.items()},
        "coverage_of_short_tails": {name: coverage(found) for name, found in hard.items()},
        "verdicts_on_other_laws": {name: verdicts(found) for name, found in other.items()},
        "lognormal_called_a_power_law": by_parameter_and_size(other["lognormal, sigma 0.3 to 3"], [0.3, 1.0, 2.0, 3.0]),
        "models": {name: real_model(name) for name in MODELS},
        "seconds_of_one_spectrum": {str(n): seconds_of_size(n) for n in (576, 4096, 8192)},
    }
    record("tail", figures)


if __name__ == "__main__":
    main()
