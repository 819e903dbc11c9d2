"""Singular values of every matrix of SmolLM2: time and peak memory beside numpy's SVD, and how far the two differ.

Each run is a process of its own that reads the same GGUF file; runs are interleaved. numpy is timed with one and
with two BLAS threads, and compared at the better.
"""

import json
import os
import resource
import subprocess
import sys
import time

from record import record, spread

MODEL = "smollm2-135m-instruct"
RUNS = 5
THREADS = 2
MIB = 1024 * 1024


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps({"ours": ours, "numpy": numpy_svd, "difference": difference}[sys.argv[1]]()))
        return
    runs: dict[str, list[dict[str, float]]] = {"eigenlm": [], "numpy, 1 thread": [], "numpy, 2 threads": []}
    for _ in range(RUNS):
        runs["eigenlm"].append(child("ours", THREADS))
        runs["numpy, 1 thread"].append(child("numpy", 1))
        runs["numpy, 2 threads"].append(child("numpy", 2))
    seconds = {name: spread([run["seconds"] for run in found]) for name, found in runs.items()}
    peer = min(seconds["numpy, 1 thread"]["median"], seconds["numpy, 2 threads"]["median"])
    figures = {
        "model": MODEL,
        "threads": THREADS,
        "seconds": seconds,
        "seconds_processor": {name: spread([run["processor"] for run in found]) for name, found in runs.items()},
        "peak_mib": {name: spread([run["peak_mib"] for run in found]) for name, found in runs.items()},
        "times_faster_than_numpy": peer / seconds["eigenlm"]["median"],
    }
    record("spectra", figures | child("difference", 1))


def child(what: str, threads: int) -> dict[str, float]:
    """Run one measurement in a fresh process."""
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, __file__, what]
    done = subprocess.run(command, env=os.environ | limits, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def ours() -> dict[str, float]:
    """The whole analysis: singular values, and what is told about them."""
    from eigenlm.analysis import analyze

    start = time.perf_counter()
    assert len(analyze(MODEL).matrices) == 211
    return cost(start)


def numpy_svd() -> dict[str, float]:
    """LAPACK's singular values in float64, through numpy, and nothing else."""
    import numpy as np

    from eigenlm.checkpoint import open_tensors

    start = time.perf_counter()
    tensors = open_tensors(MODEL)
    for name in tensors:
        if len(tensors.shape(name)) > 1:
            np.linalg.svd(tensors[name].double().numpy(), compute_uv=False)
    return cost(start)


def cost(start: float) -> dict[str, float]:
    """Wall and processor seconds since `start`, and the most memory the process ever had, imports included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "processor": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss * 1024 / MIB}


def difference() -> dict[str, float]:
    """The largest |sigma - sigma of LAPACK| / sigma over all sigma > 1e-5 sigma_1 of all matrices."""
    import numpy as np

    from eigenlm.analysis import analyze
    from eigenlm.checkpoint import open_tensors

    analysis, tensors, worst = analyze(MODEL), open_tensors(MODEL), 0.0
    for matrix in analysis.matrices:
        sigma = np.linalg.svd(tensors[f"{matrix.name}.weight"].double().numpy(), compute_uv=False)
        relative = np.abs(matrix.singular_values.numpy() - sigma) / sigma
        worst = max(worst, float(relative[sigma / sigma[0] > 1e-5].max()))
    return {
        "largest_relative_difference": worst,
        "largest_condition_number": max(m.condition_number for m in analysis.matrices),
    }


if __name__ == "__main__":
    main()
