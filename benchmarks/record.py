"""What every benchmark writes beside its figures: command, machine, versions, spread."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from eigenlm.files import write_text

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("eigenlm", "torch", "numpy", "scipy", "numba", "transformers", "tokenizers", "gguf", "safetensors")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, extremes and count of repeated measurements."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "count": len(values)}


def record(name: str, figures: dict[str, Any]) -> None:
    """Write `results/<name>.json` and print where."""
    script = Path(sys.argv[0])
    content = {
        "command": " ".join(["python", f"benchmarks/{script.name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {package: installed(package) for package in PACKAGES},
        "figures": figures,
    }
    write_text(RESULTS / f"{name}.json", json.dumps(content, indent=1) + "\n")
    print(f"benchmarks/results/{name}.json")


def peak_mib() -> float:
    """The most memory this process ever had; `getrusage` would count what its parent had at the fork as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def machine() -> dict[str, Any]:
    """Processor, cores, and how busy the machine is."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    family = next((line.split(":")[1].strip() for line in lines if line.startswith("cpu family")), "")
    return {
        "processor": model,
        "family": family,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def installed(package: str) -> str | None:
    """Version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
