"""`eigenlm analyze` as a user calls it: seconds, peak memory and size of the page, with a text, without, of two models.

Each run is a process of its own, imports included, and the kinds are interleaved. OTHER is a smaller SmolLM2, as
`eigenlm apply` writes it. `python benchmarks/report.py --text FILE --other FOLDER`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import record, spread

MODEL, RUNS, THREADS = "smollm2-135m-instruct", 3, "2"
PAGE = "--html=report.html"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    given = parser.parse_args()
    text, other = given.text, given.other
    kinds = {
        "matrices": [PAGE],
        "matrices and text": [PAGE, "--text", str(text.resolve())],
        "two models, terminal": [str(other.resolve())],
        "two models": [str(other.resolve()), PAGE],
    }
    runs = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            for kind, options in kinds.items():
                runs[kind].append(one_run(Path(folder), options))
    sys.argv[1:] = ["--text", text.name, "--other", other.name]
    figures = {kind: {name: spread([run[name] for run in found]) for name in found[0]} for kind, found in runs.items()}
    record("report", figures)


def one_run(folder: Path, options: list[str]) -> dict[str, float]:
    """The command once, in this folder."""
    page = folder / "report.html"
    page.unlink(missing_ok=True)
    command = [sys.executable, "-m", "eigenlm", "analyze", MODEL, *options, "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": THREADS}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    seconds = time.perf_counter() - start
    told = {"seconds": seconds, "peak_mib": usage.ru_maxrss / 1024}
    return told | ({"page_mib": page.stat().st_size / 2**20} if page.exists() else {})


if __name__ == "__main__":
    main()
