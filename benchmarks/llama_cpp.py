"""Our GGUF files in llama.cpp: logits beside ours, and greedy text beside the original file's.

python benchmarks/llama_cpp.py --python PYTHON

PYTHON is an interpreter that has llama-cpp-python; it need not have anything else.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from record import record

from eigenlm.checkpoint import read_model, write_gguf
from eigenlm.checkpoint.locate import locate
from eigenlm.errors import EigenError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "checkpoint"))
import tiny_transformers

TEXT = "The singular values of a matrix tell how much it stretches each direction, and the rank counts"
QUESTION = "<|im_start|>user\nWhat is a matrix, in one sentence?<|im_end|>\n<|im_start|>assistant\n"
# A float32 cache without flash attention: llama.cpp's default rounds keys and values to float16 (2e-4 to 4e-4 here).
PROGRAM = """
import json, sys
import llama_cpp
path, ids, tokens = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
model = llama_cpp.Llama(path, n_ctx=256 if tokens else 64, n_threads=1, logits_all=True, type_k=0, type_v=0,
                        flash_attn=False, verbose=False)
model.eval(ids)
scores = model.scores[: len(ids)].tolist()
text = model.create_completion(ids, max_tokens=tokens, temperature=0.0)["choices"][0]["text"] if tokens else ""
print(json.dumps({"version": llama_cpp.__version__, "scores": scores, "text": text}))
"""


def in_llama_cpp(python: str, path: Path, ids: list[int], tokens: int = 0) -> dict[str, Any]:
    """Logits of every token, and a greedy continuation, by llama.cpp."""
    command = [python, "-c", PROGRAM, str(path), json.dumps(ids), str(tokens)]
    out = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()[-1])
    return {**out, "scores": torch.tensor(out["scores"])}


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """|ours - theirs| / |theirs| in the Euclidean norm."""
    return float((ours - theirs).norm() / theirs.norm())


def tiny_families(python: str, folder: Path) -> dict[str, Any]:
    """Relative difference of logits, for tiny random decoders written as F32; or why one is not written."""
    found: dict[str, Any] = {}
    for name in tiny_transformers.MODELS:
        if name.startswith("bert"):
            continue
        tiny_transformers.tiny(name).save_pretrained(folder / name)
        read = read_model(folder / name)
        try:
            write_gguf(folder / f"{name}.gguf", read.model, storage="F32", family=read.family)
        except EigenError as error:
            found[name] = f"refused: {error}"
            continue
        ids = tiny_transformers.ids()[0].tolist()
        scores = in_llama_cpp(python, folder / f"{name}.gguf", ids)["scores"]
        found[name] = relative(read.model(torch.tensor([ids]))[0], scores)
    return found


def smollm2(python: str, folder: Path) -> dict[str, Any]:
    """Each storage: bytes, llama.cpp's logits beside ours from the same file, and greedy text beside the original's."""
    path = locate("smollm2-135m-instruct")
    original = read_model(path)
    assert original.tokenizer is not None
    text, question = original.tokenizer.encode(TEXT), original.tokenizer.encode(QUESTION, control=True)
    files = {"the original file (Q4_1)": path}
    for storage in ("F32", "F16", "BF16", "Q8_0", "Q4_1", "Q4_0"):
        files[storage] = folder / f"{storage}.gguf"
        parts = {"tokenizer": original.tokenizer, "chat_template": original.chat_template, "family": original.family}
        write_gguf(files[storage], original.model, storage=storage, **parts)
    found = {}
    for name, file in files.items():
        scores = in_llama_cpp(python, file, text)["scores"]
        found[name] = {
            "bytes": file.stat().st_size,
            "relative difference of logits, llama.cpp and eigenlm": relative(
                read_model(file).model(torch.tensor([text]))[0], scores
            ),
            "greedy text in llama.cpp": in_llama_cpp(python, file, question, 48)["text"],
        }
    return found


def main() -> None:
    """Write, open in llama.cpp, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True)
    python = parser.parse_args().python
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    version = subprocess.run(
        [python, "-c", "import llama_cpp; print(llama_cpp.__version__)"], capture_output=True, check=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        tiny, real = tiny_families(python, Path(folder)), smollm2(python, Path(folder))
    sys.argv = [sys.argv[0], "--python", "PYTHON"]  # no path of this machine in the record
    note = "llama.cpp looks GELU up in a float16 table, has no window for these architectures, and rounds activations"
    figures = {"llama-cpp-python": version, "tiny": tiny, "SmolLM2-135M-Instruct": real, "note": note}
    record("llama_cpp", figures)


if __name__ == "__main__":
    main()
