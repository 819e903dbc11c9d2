"""Files of the same types and bytes by llama.cpp's own quantization and by ours: the same bytes, or nearer ones.

python benchmarks/gguf_rounding.py --python PYTHON --text FILE --other FILE [--tokens 8192] [--judged 16] [--types ...]

Both sides know the inputs on the first half of the text: llama.cpp by their mean squares, as its imatrix has them. Our
file `like llama.cpp` should have its very blocks. How far a file is from the original is told by llama.cpp, on windows
of the second half and of another text. PYTHON is an interpreter that has llama-cpp-python and NumPy.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from gguf.constants import GGML_QUANT_SIZES
from record import record

import eigenlm
from eigenlm.checkpoint import open_model, write_gguf
from eigenlm.checkpoint.families import GGUF
from eigenlm.checkpoint.gguf_mixture import TypeMixture
from eigenlm.compression.prices import prices
from eigenlm.compression.rounded_file import ByImportance, WithFeedback
from eigenlm.compression.sized_file import write_sized
from eigenlm.linalg.paired import paired_mean
from eigenlm.observe import measure
from eigenlm.text.windows import windows_across

PROGRAM = Path(__file__).with_name("rounding_in_llama_cpp.py")
TYPES = ("Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "IQ4_XS", "IQ4_NL", "Q4_K_S", "Q4_K_M")
SIDES = ("llama.cpp", "eigenlm", "eigenlm, types chosen")
WINDOW = 512


def main() -> None:
    """Write and judge files of each type."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--tokens", type=int, default=8192, help="of the calibration")
    parser.add_argument("--judged", type=int, default=16, help="windows of each text")
    parser.add_argument("--types", nargs="+", default=TYPES)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lm = eigenlm.load(options.model)
    whole = options.text.read_text("utf-8")
    half, rest = whole[: len(whole) // 2], whole[len(whole) // 2 :]
    fitted = windows_across([half], lm.tokenizer, WINDOW, options.tokens // WINDOW)
    texts = {options.text.name: rest, options.other.name: options.other.read_text("utf-8")}
    judged = [windows_across([text], lm.tokenizer, WINDOW, options.judged).numpy() for text in texts.values()]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        told = written(lm, fitted, place, options)
        np.save(place / "judged.npy", np.concatenate(judged))
        files = [place / f"{side} {kind}.gguf" for kind in options.types for side in SIDES]
        found, _ = in_llama_cpp(options.python, "divergence", place / "judged.npy", place / "whole.gguf", *files)
        for kind in options.types:
            sides = [found[str(place / f"{side} {kind}.gguf")] for side in SIDES]
            for n, text in enumerate(texts):
                part = slice(n * options.judged, (n + 1) * options.judged)
                told[kind][text] = beside(*(side["kl"][part] for side in sides))
            told[kind]["same likeliest token"] = dict(zip(SIDES, (side["same likeliest"] for side in sides)))
            print(kind, json.dumps(told[kind]), flush=True)
    tokens = {"calibration tokens": fitted.numel(), "judged tokens of each text": options.judged * WINDOW}
    record("gguf_rounding", {"model": options.model, **tokens, "types": told})


def written(lm: eigenlm.LanguageModel, fitted: Any, place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Files of both sides, and what can be said of them without running them."""
    parts: dict[str, Any] = {"tokenizer": lm.tokenizer, "family": open_model(lm.path).family}
    write_gguf(place / "whole.gguf", lm.model, storage="F32", **parts)
    start = time.perf_counter()
    seen = measure(lm.model, fitted, seed=options.seed, kinds=("inputs", "weighted"))
    print(f"measured in {time.perf_counter() - start:.0f} s", flush=True)
    np.savez(place / "importance.npz", **importance_by_their_names(lm, seen.input_grams))
    start, told = time.perf_counter(), {}
    found = prices(lm.model, fitted, methods=("bits",), whole=True, seed=options.seed)
    print(f"measured again and rounded to every type in {time.perf_counter() - start:.0f} s", flush=True)
    for kind in options.types:
        theirs, ours, chosen = (place / f"{side} {kind}.gguf" for side in SIDES)
        words = (place / "whole.gguf", theirs, int(TypeMixture(name=kind).file_type), place / "importance.npz")
        seconds = {"llama.cpp": in_llama_cpp(options.python, "quantize", *words)[1]}
        start = time.perf_counter()
        write_gguf(ours, lm.model, storage=WithFeedback(kind, seen.weighted_grams), **parts)
        seconds["eigenlm, without measuring"] = time.perf_counter() - start
        write_gguf(place / "like.gguf", lm.model, storage=ByImportance(kind, seen.input_grams), **parts)
        write_sized(chosen, lm.model, found, theirs.stat().st_size, **parts)
        told[kind] = {
            **same_blocks(theirs, place / "like.gguf"),
            "bytes of tensors": {side: size(path) for side, path in zip(SIDES, (theirs, ours, chosen))},
            "seconds": seconds,
        }
        print(kind, json.dumps(told[kind]), flush=True)
    return told


def importance_by_their_names(lm: eigenlm.LanguageModel, grams: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Mean squares of the inputs of matrices, by llama.cpp's names."""
    dialect = GGUF[open_model(lm.path).family].of(lm.config)
    return {dialect.place(f"{layer}.weight").name: gram.diagonal().numpy() for layer, gram in grams.items()}


def in_llama_cpp(python: str, *words: object) -> tuple[Any, float]:
    """What the program prints, if it does, and its seconds."""
    start = time.perf_counter()
    done = subprocess.run(
        [python, "-P", str(PROGRAM), *map(str, words)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None, time.perf_counter() - start


def same_blocks(theirs: Path, ours: Path) -> dict[str, Any]:
    """How many blocks of rounded matrices have the same bytes, and whether all types agree."""
    same = count = 0
    mine = {tensor.name: tensor for tensor in GGUFReader(ours).tensors}
    for tensor in GGUFReader(theirs).tensors:
        other = mine[tensor.name]
        assert tensor.tensor_type == other.tensor_type, tensor.name
        if len(tensor.shape) > 1:
            size = GGML_QUANT_SIZES[tensor.tensor_type][1]
            equal = (tensor.data.reshape(-1, size) == other.data.reshape(-1, size)).all(axis=1)
            same, count = same + int(equal.sum()), count + len(equal)
    return {"blocks": count, "same blocks of the file like llama.cpp": same}


def size(path: Path) -> int:
    """Bytes of a file's tensors."""
    return sum(int(tensor.n_bytes) for tensor in GGUFReader(path).tensors)


def beside(theirs: list[float], *ours: list[float]) -> dict[str, Any]:
    """Mean divergences in nats a token, how they compare, and the interval of each difference over windows."""
    told: dict[str, Any] = {SIDES[0]: float(np.mean(theirs))}
    for side, each in zip(SIDES[1:], ours):
        less = paired_mean(torch.tensor(theirs) - torch.tensor(each), torch.ones(len(each)))
        ratio = float(np.mean(each) / np.mean(theirs))
        told[side] = {"KL": float(np.mean(each)), "times that of llama.cpp": ratio, "less by": vars(less)}
    return told


if __name__ == "__main__":
    main()
