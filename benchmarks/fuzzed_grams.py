"""Every method that reads Grams, on thousands of odd ones: exceptions, NaN, and distances from dense float64 algebra.

    python benchmarks/fuzzed_grams.py [--count 10000] [--first 0]

Singular Grams, zero ones, of rank one, with one huge eigenvalue, twins among the inputs, dead inputs, eigenvalues that
float32 made negative, diagonals; scales from 1e-30 to 1e30, sizes from 1 to 96. tests/compression/fuzzed_grams.py makes
them and says what is compared.
"""

import argparse
import math
import sys
import time
from collections import defaultdict
from pathlib import Path

import torch
from record import record

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.compression.fuzzed_grams import NEAR, distances, problem, worst_of


def main() -> None:
    """Try all of them and write the worst down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    options = parser.parse_args()
    torch.set_num_threads(1)
    worst: dict[str, float] = defaultdict(float)
    exceptions, far, nans, start = [], [], 0, time.perf_counter()
    for number in range(options.first, options.first + options.count):
        given = problem(number)
        try:
            found = distances(given)
        except Exception as error:
            exceptions.append(f"{number} ({given.name}): {type(error).__name__}: {error}")
            print(exceptions[-1], flush=True)
            continue
        nans += any(map(math.isnan, found.values()))
        if worst_of(found) > NEAR:
            far.append(f"{number} ({given.name}): {found}")
            print(far[-1], flush=True)
        worst.update({name: max(worst[name], distance) for name, distance in found.items()})
    record(
        "fuzzed_grams",
        {
            "what": "relative distance of losses from those of the dense result in float64, of the worst Gram",
            "must": "0 exceptions, 0 NaN, each within 1e-6 (of 1e-6 of the whole matrix's loss where less is left)",
            "problems": options.count,
            "exceptions": exceptions,
            "with NaN": nans,
            "farther than 1e-6": far,
            "worst": dict(worst),
            "seconds": time.perf_counter() - start,
        },
    )


if __name__ == "__main__":
    main()
