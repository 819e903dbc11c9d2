"""The table of WeightWatcher, made by eigenlm and by WeightWatcher: time, memory, and every number of the two compared.

python benchmarks/weightwatcher.py --python PYTHON [--rounds 1] [--matrices N]

PYTHON is an interpreter that has weightwatcher 0.7.7 and torch. Both sides see the same float32 numbers: eigenlm reads
the GGUF file while its time runs, WeightWatcher is handed the tensors in memory before. Every run is a process of its
own; eigenlm's stand between WeightWatcher's. MiniLM is compared only. `--matrices` takes the first N of each model
only, to try the script, and records nothing.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from record import peak_mib, record, spread
from torch import Tensor

from eigenlm import linalg
from eigenlm.analysis.spectra import examine, spectrum_of
from eigenlm.analysis.spectra.noise import noise
from eigenlm.analysis.spectra.weightwatcher import weightwatcher
from eigenlm.analysis.spectra.weightwatcher.bulk import Misfit
from eigenlm.analysis.stream import each_matrix
from eigenlm.checkpoint import open_tensors

MODEL, OTHER = "smollm2-135m-instruct", "minilm-l6-v2"
THREADS = 2
TOLERANCE = 1e-6
DEFAULT, FULL, COLUMNS = "analyze()", "analyze(randomize=True, mp_fit=True)", "analyze(mp_fit=True, detX=True)"
TABLE, EVERYTHING, LAPACK = "the same table", "with power laws, their errors and tests", "LAPACK"
TIED = "the kernel density's two highest points differ by rounding, and the search depends on which is higher"
PROGRAM = """
import json, logging, sys, time, warnings
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
seconds = time.perf_counter() - start
peak_kib = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
if more:
    table = table.join(watcher.analyze(detX=True)[more.split(",")])
rows = [{k: v if isinstance(v, str) else float(v) for k, v in row.items() if v is not None}
        for row in table.to_dict("records")]
print(json.dumps({"version": weightwatcher.__version__, "seconds": seconds, "peak_mib": peak_kib / 1024, "rows": rows}))
"""
FROM_DETX = "detX_num,detX_val,ERG_gap"  # columns that FULL does not have: read after its time was taken


def main() -> None:
    """Run, compare, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--matrices", type=int)
    parser.add_argument("--child", nargs=2, metavar=("LOOK", "MODEL"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(look_at(*asked.child, asked.matrices)))
        return
    python = shutil.which(asked.python or "")
    if python is None:
        parser.error("--python is needed: an interpreter that has weightwatcher 0.7.7 and torch")
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Both(os.path.abspath(python), Path(folder), asked.matrices), asked.rounds)
    if asked.matrices is not None:
        print(json.dumps(figures, indent=1))
        return
    sys.argv[1:] = ["--python", "PYTHON", "--rounds", str(asked.rounds)]  # no path of this machine in the record
    record("weightwatcher", figures)


def names(tensors: Any, limit: int | None) -> list[str]:
    """Of the first matrices, or of all."""
    return [name for name in tensors if len(tensors.shape(name)) == 2][:limit]


def look_at(what: str, model: str, limit: int | None) -> dict[str, Any]:
    """One run of eigenlm: the file read, every matrix looked at."""
    look = {TABLE: same_table, EVERYTHING: examine, LAPACK: from_lapack}[what]
    start = time.perf_counter()
    tensors = open_tensors(model)
    rows = each_matrix(tensors, look, names(tensors, limit))
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mib": peak_mib(), "rows": [] if what == EVERYTHING else rows}


def same_table(W: Tensor, name: str, storage: str | None) -> dict[str, Any]:
    """Singular values, what is told about them, noise with a shuffled matrix, and WeightWatcher's columns."""
    S = spectrum_of(W, name, storage).singular_values
    return {"name": name, "noise": asdict(noise(W, S)), "weightwatcher": asdict(weightwatcher(S, *W.shape))}


def from_lapack(W: Tensor, name: str, storage: str | None) -> float:
    """The largest |sigma - sigma of LAPACK| / sigma over all sigma > 1e-5 sigma_1."""
    truth = np.linalg.svd(W.double().numpy(), compute_uv=False)
    relative = np.abs(linalg.singular_values(W).numpy() - truth) / truth
    return float(relative[truth > 1e-5 * truth[0]].max())


class Both:
    """Runs of either side, each in a fresh process, and all they printed."""

    def __init__(self, python: str, folder: Path, limit: int | None) -> None:
        self.python, self.folder, self.limit = python, folder, limit
        self.runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for model in (MODEL, OTHER):
            tensors = open_tensors(model)
            np.savez(folder / f"{model}.npz", **{name: tensors[name].numpy() for name in names(tensors, limit)})

    def eigenlm(self, what: str, model: str = MODEL, threads: int = THREADS) -> dict[str, Any]:
        """One run of eigenlm."""
        command = [sys.executable, __file__, "--child", what, model]
        command += [] if self.limit is None else ["--matrices", str(self.limit)]
        return self._keep(f"eigenlm, {what}", model, command, threads)

    def weightwatcher(self, call: str, threads: int, model: str = MODEL, more: str = "") -> dict[str, Any]:
        """One run of WeightWatcher, and after its time was taken the columns `more` of another call."""
        command = [self.python, "-c", PROGRAM, str(self.folder / f"{model}.npz"), str(threads), call, more]
        return self._keep(f"WeightWatcher {call}, BLAS threads: {threads}", model, command, threads)

    def all(self, figure: str) -> dict[str, dict[str, float]]:
        """The spread of a figure over the runs of each kind on the model that is timed."""
        kinds = {name: found for (name, model), found in self.runs.items() if model == MODEL and LAPACK not in name}
        return {name: spread([run[figure] for run in found]) for name, found in kinds.items()}

    def _keep(self, name: str, model: str, command: list[str], threads: int) -> dict[str, Any]:
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        environment = os.environ | limits | {"MPLBACKEND": "Agg"}
        # Not in this folder, where a file is called as the peer is.
        done = subprocess.run(command, env=environment, cwd=self.folder, stdout=subprocess.PIPE, check=True, text=True)
        self.runs.setdefault((name, model), []).append(json.loads(done.stdout.splitlines()[-1]))
        return self.runs[name, model][-1]


def measure(both: Both, rounds: int) -> dict[str, Any]:
    """All runs, interleaved, and what they say."""
    for threads in (1, 2):
        both.eigenlm(TABLE)
        both.weightwatcher(DEFAULT, threads)
    default = {n: f"WeightWatcher {DEFAULT}, BLAS threads: {n}" for n in (1, 2)}
    better = min(default, key=lambda n: both.all("seconds")[default[n]]["median"])
    for _ in range(rounds):
        both.eigenlm(EVERYTHING)
        ours = both.eigenlm(TABLE)
        theirs = both.weightwatcher(FULL, better, more=FROM_DETX)
        both.eigenlm(TABLE)
        both.weightwatcher(DEFAULT, better)
    seconds = both.all("seconds")
    quick = seconds[f"eigenlm, {TABLE}"]["median"]
    return {
        "model": MODEL,
        "weightwatcher": theirs["version"],
        "threads of eigenlm": THREADS,
        "seconds": seconds,
        "peak MiB": both.all("peak_mib"),
        f"times faster than {FULL}": seconds[f"WeightWatcher {FULL}, BLAS threads: {better}"]["median"] / quick,
        f"times faster than {DEFAULT}": seconds[default[better]]["median"] / quick,
        "singular values, largest relative difference from LAPACK": max(both.eigenlm(LAPACK, threads=1)["rows"]),
        MODEL: compare(MODEL, ours, theirs) | {"null": compare_null(ours, theirs)},
        OTHER: compare(OTHER, both.eigenlm(TABLE, OTHER), both.weightwatcher(COLUMNS, better, OTHER)),
    }


def by_name(run: Mapping[str, Any]) -> dict[str, Any]:
    """The rows of a run."""
    return {row["name"]: row for row in run["rows"]}


def compare(model: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Column by column: the largest relative difference, the share of matrices within 1e-6, and the others."""
    mine, peer, columns = by_name(ours), by_name(theirs), {}
    for column in ours["rows"][0]["weightwatcher"]:
        pairs = {name: (mine[name]["weightwatcher"][column], row.get(column)) for name, row in peer.items()}
        far = {name: difference(*pair) for name, pair in pairs.items()}
        misses = [name for name, distance in far.items() if distance > TOLERANCE]
        columns[column] = {
            "largest relative difference": max(far.values()),
            "share within 1e-6": 1 - len(misses) / len(far),
            "misses": [
                {"matrix": name, "eigenlm, WeightWatcher": pairs[name], "why": reason(model, name)} for name in misses
            ],
        }
    left_out = sorted(set(mine) - set(peer))
    return {"matrices": len(peer), "matrices that WeightWatcher leaves out": left_out, "columns": columns}


def difference(ours: Any, theirs: Any) -> float:
    """Relative; 0 for two that agree that there is no number, which WeightWatcher may write as -1."""
    if isinstance(ours, str):
        return float(ours != theirs)
    none = theirs is None or not math.isfinite(theirs)
    if ours is None:
        return float(not (none or theirs == -1))
    return 1.0 if none else abs(ours - theirs) / max(abs(theirs), 1e-300)


def reason(model: str, name: str) -> str:
    """Why the Marchenko-Pastur fits of a matrix may differ; nothing else has been seen to."""
    W = open_tensors(model)[f"{name}.weight"]
    eigenvalues = linalg.singular_values(W).flip(-1).square()
    misfit = Misfit((eigenvalues / eigenvalues.mean()).numpy(), max(W.shape) / min(W.shape))
    second, first = np.sort(misfit.density)[-2:]
    return TIED if first - second < 1e-12 * first else "not explained"


def compare_null(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, float]:
    """Two random orders cannot agree to the digit: medians over matrices of how far they are apart."""
    pairs = [(by_name(ours)[name]["noise"], row) for name, row in by_name(theirs).items()]
    return {
        "median rand_distance": median(row["rand_distance"] for _, row in pairs),
        "median difference of rand_distance": median(
            abs(mine["rand_distance"] - row["rand_distance"]) for mine, row in pairs
        ),
        "median relative difference of the null's largest singular value": median(
            abs(mine["null_spectral_norm"] / math.sqrt(row["max_rand_eval"]) - 1) for mine, row in pairs
        ),
    }


if __name__ == "__main__":
    main()
