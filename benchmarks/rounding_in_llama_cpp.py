"""llama.cpp's own quantization of a file, and the divergence of files from another, by llama.cpp reading them.

PYTHON -P benchmarks/rounding_in_llama_cpp.py quantize IN.gguf OUT.gguf NUMBER [IMPORTANCE.npz]
PYTHON -P benchmarks/rounding_in_llama_cpp.py divergence IDS.npy FIRST.gguf OTHER.gguf ...

NUMBER is llama.cpp's of a type of file, IMPORTANCE the mean squares of inputs by the file's names of matrices. IDS are
windows of tokens; printed are, for each other file, the mean and the spread of the mean over windows of KL(first ||
other) in nats a token, and how often both have the same likeliest token. PYTHON needs llama-cpp-python and NumPy alone.
"""

import ctypes
import json
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import llama_cpp as l
import numpy as np

# Not from a folder on the path: there a file beside this one would stand before the package llama_cpp.
_SPEC = spec_from_file_location("one", Path(__file__).with_name("in_llama_cpp.py"))
one = module_from_spec(_SPEC)
_SPEC.loader.exec_module(one)


def main() -> None:
    """Do what the first word says."""
    act, *words = sys.argv[1:]
    quantize(*words) if act == "quantize" else divergence(*words)


def quantize(before: str, after: str, number: str, importance: str | None = None) -> None:
    """Have llama.cpp write a file."""
    params = l.llama_model_quantize_default_params()
    params.ftype, params.nthread = int(number), 2
    rows = [] if importance is None else list(np.load(importance).items())
    entries = (l.llama_model_imatrix_data * (len(rows) + 1))()  # the last, without a name, ends them
    kept = [np.ascontiguousarray(row, np.float32) for _, row in rows]
    for entry, (name, _), row in zip(entries, rows, kept, strict=False):
        entry.name, entry.size = name.encode(), row.size
        entry.data = row.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    if rows:
        params.imatrix = ctypes.cast(entries, ctypes.POINTER(l.llama_model_imatrix_data))
    if l.llama_model_quantize(before.encode(), after.encode(), ctypes.byref(params)) != 0:
        sys.exit("llama.cpp does not quantize the file")


def divergence(windows: str, first: str, *others: str) -> None:
    """Print a JSON object by file."""
    ids, found = np.load(windows), {}
    with tempfile.TemporaryFile() as file:
        told = None
        for n, scores in enumerate(logits(first, ids)):
            told = np.memmap(file, np.float32, "w+", shape=(len(ids), *scores.shape)) if told is None else told
            told[n] = log_softmax(scores)
        for path in others:
            divergences, same = [], []
            for n, scores in enumerate(logits(path, ids)):
                before, after = told[n], log_softmax(scores)
                divergences.append(float((np.exp(before) * (before - after)).sum(axis=1, dtype=np.float64).mean()))
                same.append(float((before.argmax(axis=1) == after.argmax(axis=1)).mean()))
            found[path] = {"kl": divergences, "same likeliest": float(np.mean(same))}
    print(json.dumps(found))


def logits(path: str, windows: np.ndarray) -> Iterator[np.ndarray]:
    """Of each window, from an empty memory on."""
    model, context, _ = one.opened(path)
    width = l.llama_vocab_n_tokens(l.llama_model_get_vocab(model))
    for ids in windows:
        l.llama_memory_clear(l.llama_get_memory(context), True)
        one.run(l.llama_decode, context, ids.tolist(), 0)
        yield one.rows(l.llama_get_logits_ith, context, len(ids), width)
    l.llama_free(context)
    l.llama_model_free(model)


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities of each row."""
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


if __name__ == "__main__":
    main()
