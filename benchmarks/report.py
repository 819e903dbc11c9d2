"""`eigenlm analyze --html` as a user calls it: seconds, peak memory and size of the page, with a text and without.

Each run is a process of its own, imports included; the two are interleaved. `python benchmarks/report.py --text FILE`.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    text = parser.parse_args().text
    kinds: dict[str, list[str]] = {"matrices": [], "matrices and text": ["--text", str(text)]}
    runs = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            for kind, options in kinds.items():
                runs[kind].append(one_run(Path(folder) / "report.html", options))
    sys.argv[1:] = ["--text", text.name]
    figures = {kind: {name: spread([run[name] for run in found]) for name in found[0]} for kind, found in runs.items()}
    record("report", figures)


def one_run(page: Path, options: list[str]) -> dict[str, float]:
    """The command once."""
    command = [sys.executable, "-m", "eigenlm", "analyze", MODEL, *options, "--html", str(page), "--json"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": THREADS})
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mib": usage.ru_maxrss / 1024, "page_mib": page.stat().st_size / 2**20}


if __name__ == "__main__":
    main()
