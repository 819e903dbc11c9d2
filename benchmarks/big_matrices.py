"""`eigenlm analyze` of matrices of up to 2 GB: seconds and the most memory, beside an earlier checkout by turns.

git worktree add ../before COMMIT
python benchmarks/big_matrices.py [--before ../before] [--rounds 3] [--only "262144 x 640, F32"]

Each matrix is noise with one strong direction, written to a temporary folder (of up to 4 GB) and removed again. Every
figure is of the command, a process of its own with two threads; the least of its memory, about 350 MiB, is torch.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import quantize
from record import record, spread
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parents[1]
AT_ONCE = 1 << 22
SIZES = [
    (262_144, 640, "F32"),
    (262_144, 640, "Q8_0"),
    (262_144, 2_048, "F32"),
    (1_048_576, 1_024, "BF16"),
    (1_048_576, 1_024, "Q8_0"),
    (1_048_576, 1_024, "Q4_K"),
    (2_048, 262_144, "F32"),
    (2_048, 262_144, "Q8_0"),
    (2_048, 262_144, "Q4_K"),
]


def main() -> None:
    """Measure every matrix, and one pair of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", help="names that the results have")
    arguments = parser.parse_args()
    checkouts = {"now": HERE} | ({"before": arguments.before.resolve()} if arguments.before else {})
    cases = {f"{m} x {n}, {kind}": [(m, n, kind)] for m, n, kind in SIZES}
    cases["two of 262144 x 2048, F32 and BF16"] = [(262_144, 2_048, "F32"), (262_144, 2_048, "BF16")]
    figures = {}
    for name, matrices in cases.items():
        if not arguments.only or name in arguments.only:
            with tempfile.TemporaryDirectory() as folder:
                paths = [written(Path(folder) / f"{i}", *matrix) for i, matrix in enumerate(matrices)]
                figures[name] = by_turns(checkouts, paths, arguments.rounds)
            print(name, json.dumps(figures[name]), flush=True)
    record("big_matrices", figures)


def by_turns(checkouts: dict[str, Path], paths: list[Path], rounds: int) -> dict[str, object]:
    """Each checkout in turn, `rounds` times."""
    runs = [{name: command(checkout, paths) for name, checkout in checkouts.items()} for _ in range(rounds)]
    told: dict[str, object] = {"file_mib": [round(path.stat().st_size / 2**20) for path in paths]}
    for name in checkouts:
        told[name] = {figure: spread([run[name][figure] for run in runs]) for figure in runs[0][name]}
    if "before" in checkouts:
        told["times_faster"] = spread([run["before"]["seconds"] / run["now"]["seconds"] for run in runs])
    return told


def command(checkout: Path, paths: list[Path]) -> dict[str, float]:
    """Seconds and peak of `eigenlm analyze` there."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"}
    words = [sys.executable, "-m", "eigenlm", "analyze", *map(str, paths), "--json"]
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(words, env=environment, stdout=told)
        while process.poll() is None:  # a finished process has no peak any more, and `getrusage` would add its parent's
            peak = max(peak, high_water(process.pid))
            time.sleep(0.05)
        seconds = time.perf_counter() - start
        told.seek(0)
        assert process.returncode == 0
        totals = json.loads(told.read())["totals"]
    assert totals.get("num_matrices", totals.get("num_changed")) == 1, totals
    return {"seconds": seconds, "peak_mib": peak / 1024}


def high_water(pid: int) -> int:
    """VmHWM of a process in KiB, 0 at its end."""
    try:
        return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return 0


def written(stem: Path, m: int, n: int, kind: str) -> Path:
    """A matrix in a safetensors or GGUF file."""
    if kind in ("F32", "BF16"):
        W = torch.empty(m, n, dtype={"F32": torch.float32, "BF16": torch.bfloat16}[kind])
        rows = iter(W.split(max(1, AT_ONCE // n)))
        for block in noise(m, n):
            next(rows).copy_(block)
        save_file({"w.weight": W}, stem.with_suffix(".safetensors"))
        return stem.with_suffix(".safetensors")
    type_ = GGMLQuantizationType[kind]
    block, size = GGML_QUANT_SIZES[type_]
    writer = GGUFWriter(stem.with_suffix(".gguf"), "none")
    writer.add_tensor_info("w.weight", (m, n // block * size), np.dtype(np.uint8), m * n // block * size, type_)
    for part in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_ti_data_to_file):
        part()
    writer.close()
    with stem.with_suffix(".gguf").open("ab") as file:
        file.write(bytes(-file.tell() % 32))
        for rows in noise(m, n):
            file.write((quantize(rows.numpy(), type_) if kind == "Q8_0" else four_bits(rows, size)).tobytes())
    return stem.with_suffix(".gguf")


def noise(m: int, n: int) -> Iterator[torch.Tensor]:
    """Rows of a matrix, the same each time."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(n, generator=generator) / n**0.5
    for rows in torch.arange(m).split(max(1, AT_ONCE // n)):
        yield 0.02 * (torch.randn(len(rows), n, generator=generator) + direction)


def four_bits(rows: torch.Tensor, size: int) -> np.ndarray:
    """Blocks of Q4_K, which the gguf package does not write: random codes and scales under two float16 factors."""
    blocks = np.random.default_rng(int(rows[0, 0].item() * 1e9) % 2**32).integers(
        0, 256, (rows.numel() // 256, size), dtype=np.uint8
    )
    blocks[:, :4] = np.array([1e-4, 7e-4], np.float16).view(np.uint8)
    return blocks


if __name__ == "__main__":
    main()
