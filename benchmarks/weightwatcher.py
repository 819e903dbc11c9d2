"""The table of WeightWatcher, made by eigenlm and by WeightWatcher: time, memory, and every number of the two compared.

python benchmarks/weightwatcher.py --python PYTHON [--rounds 1] [--matrices N]

PYTHON is an interpreter that has weightwatcher 0.7.7 and torch. Both sides see the same float32 numbers: eigenlm reads
the GGUF file while its time runs, WeightWatcher is handed the tensors in memory before. Every run is a process of its
own; eigenlm's stand between WeightWatcher's. `--matrices` takes the first N only, to try the script, and records
nothing.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from record import record, spread
from torch import Tensor

from eigenlm import linalg
from eigenlm.analyze.noise import noise
from eigenlm.analyze.spectra import examine, spectrum_of
from eigenlm.analyze.stream import each_matrix
from eigenlm.analyze.weightwatcher import weightwatcher
from eigenlm.analyze.weightwatcher.bulk import Misfit
from eigenlm.checkpoint import open_tensors

MODEL = "smollm2-135m-instruct"
THREADS = 2
TOLERANCE = 1e-6
DEFAULT, FULL = "analyze()", "analyze(randomize=True, mp_fit=True)"
TABLE, EVERYTHING = "the same table", "with power laws, their errors and tests"
FROM_DETX = ("detX_num", "detX_val", "ERG_gap")  # columns that neither call has: read after the time was taken
TIED = "the kernel density's two highest points differ by rounding, and the search depends on which is higher"
PROGRAM = """
import json, logging, resource, sys, time, warnings
import numpy, torch, weightwatcher
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
path, threads, call, more = sys.argv[1:]
torch.set_num_threads(int(threads))
with numpy.load(path) as arrays:
    watcher = weightwatcher.WeightWatcher(model={name: torch.from_numpy(arrays[name]) for name in arrays})
numpy.random.seed(0)
start = time.perf_counter()
table = eval("watcher." + call)
seconds, peak_kib = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = []
if more:
    table = table.join(watcher.analyze(detX=True)[more.split(",")])
    rows = [{k: v if isinstance(v, str) else float(v) for k, v in row.items() if v is not None}
            for row in table.to_dict("records")]
print(json.dumps({"version": weightwatcher.__version__, "seconds": seconds, "peak_mib": peak_kib / 1024, "rows": rows}))
"""


def main() -> None:
    """Run, compare, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--matrices", type=int)
    parser.add_argument("--child", choices=(TABLE, EVERYTHING, "lapack"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(lapack(asked.matrices) if asked.child == "lapack" else ours(asked.child, asked.matrices)))
        return
    if asked.python is None:
        parser.error("--python is needed: an interpreter that has weightwatcher 0.7.7 and torch")
    with tempfile.TemporaryDirectory() as folder:
        tensors, weights = open_tensors(MODEL), Path(folder) / "weights.npz"
        np.savez(weights, **{name: tensors[name].numpy() for name in names(tensors, asked.matrices)})
        figures = measure(asked.python, weights, asked.rounds, asked.matrices)
    if asked.matrices is not None:
        print(json.dumps(figures, indent=1))
        return
    sys.argv[1:] = ["--python", "PYTHON", "--rounds", str(asked.rounds)]  # no path of this machine in the record
    record("weightwatcher", figures)


def names(tensors: Any, limit: int | None) -> list[str]:
    """Of the first matrices, or of all."""
    return [name for name in tensors if len(tensors.shape(name)) == 2][:limit]


def ours(what: str, limit: int | None) -> dict[str, Any]:
    """One run of eigenlm: the file read, every matrix looked at."""
    look: Callable[..., Any] = {TABLE: same_table, EVERYTHING: examine}[what]
    start = time.perf_counter()
    tensors = open_tensors(MODEL)
    rows = each_matrix(tensors, look, names(tensors, limit))
    seconds, peak_kib = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "peak_mib": peak_kib / 1024, "rows": rows if what == TABLE else []}


def same_table(W: Tensor, name: str, storage: str | None) -> dict[str, Any]:
    """Singular values, what is told about them, noise with a shuffled matrix, and WeightWatcher's columns."""
    S = spectrum_of(W, name, storage).singular_values
    return {"name": name, "noise": asdict(noise(W, S)), "weightwatcher": asdict(weightwatcher(S, *W.shape))}


def lapack(limit: int | None) -> float:
    """The largest |sigma - sigma of LAPACK| / sigma over all sigma > 1e-5 sigma_1 of all matrices."""
    tensors, worst = open_tensors(MODEL), 0.0
    for name in names(tensors, limit):
        W = tensors[name]
        truth = np.linalg.svd(W.double().numpy(), compute_uv=False)
        relative = np.abs(linalg.singular_values(W).numpy() - truth) / truth
        worst = max(worst, float(relative[truth > 1e-5 * truth[0]].max()))
    return worst


def measure(python: str, weights: Path, rounds: int, limit: int | None) -> dict[str, Any]:
    """All runs, interleaved, and what they say."""
    runs: dict[str, list[dict[str, Any]]] = {}

    def run_ours(what: str, threads: int = THREADS) -> Any:
        command = [sys.executable, __file__, "--child", what, *([] if limit is None else ["--matrices", str(limit)])]
        return child(command, threads)

    def run(name: str, found: dict[str, Any]) -> dict[str, Any]:
        runs.setdefault(name, []).append(found)
        return found

    def peer(call: str, threads: int, more: str = "") -> dict[str, Any]:
        command = [python, "-c", PROGRAM, str(weights), str(threads), call, more]
        return run(f"WeightWatcher {call}, {threads} BLAS threads", child(command, threads, weights.parent))

    for threads in (1, 2):
        run(TABLE, run_ours(TABLE))
        peer(DEFAULT, threads)
    better = min((1, 2), key=lambda n: runs[f"WeightWatcher {DEFAULT}, {n} BLAS threads"][0]["seconds"])
    for _ in range(rounds):
        run(EVERYTHING, run_ours(EVERYTHING))
        mine = run(TABLE, run_ours(TABLE))
        theirs = peer(FULL, better, ",".join(FROM_DETX))
        mine = run(TABLE, run_ours(TABLE))
        peer(DEFAULT, better)
    seconds = {name: spread([one["seconds"] for one in found]) for name, found in runs.items()}
    rows = {row["name"]: row for row in mine["rows"]}, {row["name"]: row for row in theirs["rows"]}
    full, default = (
        seconds[f"WeightWatcher {call}, {better} BLAS threads"]["median"] / seconds[TABLE]["median"]
        for call in (FULL, DEFAULT)
    )
    return {
        "model": MODEL,
        "matrices": len(rows[0]),
        "matrices that WeightWatcher leaves out": sorted(set(rows[0]) - set(rows[1])),
        "weightwatcher": theirs["version"],
        "threads of eigenlm": THREADS,
        "seconds": seconds,
        "peak MiB": {name: spread([one["peak_mib"] for one in found]) for name, found in runs.items()},
        f"times faster than {FULL}": full,
        f"times faster than {DEFAULT}": default,
        "columns": compare(*rows),
        "null": compare_null(*rows),
        "singular values, largest relative difference from LAPACK": run_ours("lapack", 1),
    }


def child(command: list[str], threads: int, folder: Path | None = None) -> Any:
    """What a fresh process prints last."""
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = os.environ | limits | {"MPLBACKEND": "Agg"}
    done = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Column by column: the largest relative difference, the share of matrices within 1e-6, and the others."""
    found: dict[str, Any] = {}
    for column in next(iter(ours.values()))["weightwatcher"]:
        pairs = {name: (ours[name]["weightwatcher"][column], row.get(column)) for name, row in theirs.items()}
        far = {name: difference(*pair) for name, pair in pairs.items()}
        misses = [name for name, distance in far.items() if distance > TOLERANCE]
        found[column] = {
            "largest relative difference": max(far.values()),
            "share within 1e-6": 1 - len(misses) / len(far),
            "misses": [{"matrix": name, "eigenlm, WeightWatcher": pairs[name], "why": reason(name)} for name in misses],
        }
    return found


def difference(ours: Any, theirs: Any) -> float:
    """Relative; 0 for two that agree that there is no number, which WeightWatcher may write as -1."""
    if isinstance(ours, str):
        return float(ours != theirs)
    if ours is None:
        return float(theirs is not None and math.isfinite(theirs) and theirs != -1)
    return abs(ours - theirs) / max(abs(theirs), 1e-300) if theirs is not None and math.isfinite(theirs) else 1.0


def reason(name: str) -> str:
    """Why the Marchenko-Pastur fits of a matrix may differ; nothing else has been seen to."""
    W = open_tensors(MODEL)[f"{name}.weight"]
    eigenvalues = linalg.singular_values(W).flip(-1).square()
    misfit = Misfit((eigenvalues / eigenvalues.mean()).numpy(), max(W.shape) / min(W.shape))
    second, first = np.sort(misfit.density)[-2:]
    return TIED if first - second < 1e-12 * first else "not explained"


def compare_null(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, float]:
    """Two random orders cannot agree to the digit: medians over matrices of how far they are apart."""
    distances = [abs(ours[name]["noise"]["rand_distance"] - row["rand_distance"]) for name, row in theirs.items()]
    largest = [
        abs(ours[name]["noise"]["null_spectral_norm"] / row["max_rand_eval"] ** 0.5 - 1) for name, row in theirs.items()
    ]
    return {
        "median difference of rand_distance": median(distances),
        "median relative difference of the null's largest singular value": median(largest),
    }


if __name__ == "__main__":
    main()
