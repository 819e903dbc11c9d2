"""Our GGUF files in llama.cpp: logits and greedy tokens beside ours, for every architecture and for real files.

python benchmarks/llama_cpp.py --python PYTHON [--gemma PATH]

The recipe that README trains first is trained and exported by README's own commands.
PYTHON is an interpreter that has llama-cpp-python and NumPy; it need not have anything else. PATH is the file of
Gemma 3 270M, which the packages of `gemma3-270m` make.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from record import record

from eigenlm import cli
from eigenlm.checkpoint import Checkpoint, misread_by_llama_cpp, read_model, write_gguf
from eigenlm.checkpoint.families import GGUF
from eigenlm.checkpoint.locate import locate
from eigenlm.engine import generate
from eigenlm.errors import EigenError
from eigenlm.model import Transformer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "checkpoint"))
import tiny_transformers

TEXT = "The singular values of a matrix tell how much it stretches each direction, and the rank counts"
QUESTION = "<|im_start|>user\nWhat is a matrix, in one sentence?<|im_end|>\n<|im_start|>assistant\n"
PROMPTS = (TEXT, "Once upon a time, in a village by the sea,", "def fibonacci(n):\n    ")
RECIPE = Path(__file__).parents[1] / "recipes" / "gpt_small.py"
PROGRAM = Path(__file__).with_name("in_llama_cpp.py")


class Refused(Exception):
    """llama.cpp does not open or compute a file."""


@dataclass(frozen=True)
class Theirs:
    """What llama.cpp computed: scores (T, V or D), and the greedy tokens that follow."""

    scores: torch.Tensor
    greedy: list[int]


def in_llama_cpp(
    python: str, path: Path, ids: Sequence[int], tokens: int = 0, source: Sequence[int] | None = None
) -> Theirs:
    """Scores of every token, and a greedy continuation, by llama.cpp."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.npz"
        given = [json.dumps(list(ids)), str(tokens), *([] if source is None else [json.dumps(list(source))])]
        done = subprocess.run([python, "-P", str(PROGRAM), str(path), str(out), *given], capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line.lower() or "ASSERT" in line]
            raise Refused((lines or done.stderr.splitlines() or ["no word of it"])[0])
        with np.load(out) as read:
            return Theirs(torch.from_numpy(read["scores"]), read["greedy"].astype(int).tolist())


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """|ours - theirs| / |theirs| in the Euclidean norm."""
    return float((ours - theirs).norm() / theirs.norm())


def greedy_by_us(
    model: Transformer, ids: Sequence[int], tokens: int, source: Sequence[int] | None = None
) -> list[int | None]:
    """The tokens that follow a prompt."""
    sources = None if source is None else [source]
    return [step[0] for step in generate(model, [ids], max_tokens=tokens, sources=sources)]


def equal_until(ours: Sequence[int | None], theirs: Sequence[int]) -> int:
    """How many tokens from the first on are the same."""
    return next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), len(theirs))


def tiny_model(python: str, folder: Path, read: Checkpoint, tokens: int = 16) -> dict[str, Any]:
    """One tiny random model written as F32: the architecture, the difference of scores, and equal greedy tokens."""
    path = folder / "tiny.gguf"
    architecture = write_gguf(path, read.model, storage="F32", family=read.family)
    ids = tiny_transformers.ids()[:1]
    source = tiny_transformers.sources()[:1] if read.config.kind == "encoder_decoder" else None
    given = None if source is None else source[0].tolist()
    misread = misread_by_llama_cpp(architecture, read.config)
    told = {"architecture": architecture, **({} if misread is None else {"told when it is written": misread})}
    try:
        theirs = in_llama_cpp(python, path, ids[0].tolist(), tokens, given)
    except Refused as reason:
        return {**told, "llama.cpp refuses": str(reason)}
    found = {
        **told,
        "relative difference": relative(read.model(ids, source=source)[0], theirs.scores),
    }
    if read.config.kind == "encoder":
        return found
    ours = greedy_by_us(read.model, ids[0].tolist(), tokens, given)
    return {**found, "greedy tokens equal": equal_until(ours, theirs.greedy)}


def tiny_families(python: str, folder: Path) -> dict[str, Any]:
    """Tiny random models of every family of transformers, as far as an architecture of GGUF holds them."""
    compared: dict[str, Any] = {}
    refused: list[str] = []
    for name in tiny_transformers.MODELS:
        tiny_transformers.tiny(name).save_pretrained(folder / name)
        try:
            compared[name] = tiny_model(python, folder, read_model(folder / name))
        except EigenError:
            refused.append(name)
            continue
        print(name, compared[name], flush=True)
    told = [name for name, one in compared.items() if "told when it is written" in one]
    untested = GGUF.keys() - {one["architecture"] for one in compared.values()}
    assert not untested, f"architectures without a tiny model: {', '.join(sorted(untested))}"
    return {
        "architectures": len(GGUF),
        "models": len(compared),
        "opened by llama.cpp": sum("relative difference" in one for one in compared.values()),
        "told to be misread": len(told),
        "largest relative difference of the others": max(
            one.get("relative difference", 0.0) for name, one in compared.items() if name not in told
        ),
        "each": compared,
        "refused by eigenlm": refused,
    }


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
        theirs = in_llama_cpp(python, file, text).scores
        found[name] = {
            "bytes": file.stat().st_size,
            "relative difference of logits, llama.cpp and eigenlm": relative(
                read_model(file).model(torch.tensor([text]))[0], theirs
            ),
            "greedy text in llama.cpp": original.tokenizer.decode(in_llama_cpp(python, file, question, 24).greedy),
        }
    return found


def recipe(python: str, folder: Path, tokens: int = 64) -> dict[str, Any]:
    """README's first recipe, 50 steps on the README: trained, exported and opened; logits and greedy tokens."""
    text, run, path = RECIPE.parents[1] / "README.md", folder / "run", folder / "run.gguf"
    steps = ["--set", "train.steps=50", "schedule.warmup=10"]
    with torch.enable_grad():
        assert cli.main(["train", str(RECIPE), "--text", str(text), "--out", str(run), *steps]) == 0
    assert cli.main(["export", str(run / "model"), "--to", "gguf", "--storage", "F32", "--out", str(path)]) == 0
    read = read_model(run / "model")
    assert read.tokenizer is not None
    ids = read.tokenizer.encode(TEXT)
    theirs = in_llama_cpp(python, path, ids, tokens)
    ours = greedy_by_us(read.model, ids, tokens)
    found = {"greedy tokens": tokens, "greedy tokens equal": equal_until(ours, theirs.greedy)}
    return {**found, "relative difference of logits": relative(read.model(torch.tensor([ids]))[0], theirs.scores)}


def beside(ours: torch.Tensor, theirs: torch.Tensor, equal: int) -> dict[str, Any]:
    """Logits (T, V) of our greedy text by two programs, of which the other's own is equal up to `equal` tokens.

    Their difference, and our margins, from the best token to the next, where the other chooses otherwise.
    """
    best = ours.topk(2).values
    margins = best[:, 0] - best[:, 1]
    other = ours.argmax(-1) != theirs.argmax(-1)
    return {
        "greedy tokens equal": equal,
        "our margin at the first that differs": margins[equal].item() if equal < len(ours) else None,
        "smallest margin of ours": margins.min().item(),
        "relative difference of logits": relative(ours, theirs),
        "largest difference of a logit": float((ours - theirs).abs().max()),
        "choices for our text that differ": int(other.sum()),
        "our margins there": margins[other].tolist(),
    }


def gemma(python: str, folder: Path, path: Path, tokens: int = 64) -> dict[str, Any]:
    """The real Gemma 3 270M: greedy tokens and logits of eigenlm, llama.cpp and transformers.

    llama.cpp rounds what it multiplies with k-quants to 8 bits; from our float32 export of the numbers it does not.
    """
    read = read_model(path)
    assert read.tokenizer is not None
    theirs = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name).eval()
    theirs.generation_config.eos_token_id = None  # all tokens, whatever they are
    export = folder / "gemma-F32.gguf"
    write_gguf(export, read.model, storage="F32", tokenizer=read.tokenizer, family=read.family)
    found = {}
    for prompt in PROMPTS:
        ids = read.tokenizer.encode(prompt, add_markers=True)
        ours = [int(token) for token in greedy_by_us(read.model, ids, tokens) if token is not None]
        whole, start = ids + ours[:-1], len(ids) - 1
        logits = read.model(torch.tensor([whole]))[0, start:]
        of_transformers = theirs.generate(torch.tensor([ids]), max_new_tokens=tokens, do_sample=False)[0, len(ids) :]
        again = theirs(torch.tensor([whole])).logits[0, start:]
        told = {"transformers, float32": beside(logits, again, equal_until(ours, of_transformers.tolist()))}
        for name, file in {"llama.cpp, our F32 export": export, "llama.cpp, the same file": path}.items():
            equal = equal_until(ours, in_llama_cpp(python, file, ids, tokens).greedy)
            told[name] = beside(logits, in_llama_cpp(python, file, whole).scores[start:], equal)
        found[prompt] = told
    return found


def main() -> None:
    """Write, open in llama.cpp, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True)
    parser.add_argument("--gemma", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    transformers.utils.logging.disable_progress_bar()
    version = subprocess.run(
        [given.python, "-c", "import llama_cpp; print(llama_cpp.__version__)"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            "llama-cpp-python": version,
            "tiny": tiny_families(given.python, folder),
            "recipes/gpt_small.py": recipe(given.python, folder),
            "SmolLM2-135M-Instruct": smollm2(given.python, folder),
            **({} if given.gemma is None else {"Gemma 3 270M": gemma(given.python, folder, given.gemma)}),
            "note": "llama.cpp looks GELU up in a float16 table, and rounds what it multiplies with quantized matrices",
        }
    more = [] if given.gemma is None else ["--gemma", "PATH"]
    sys.argv = [sys.argv[0], "--python", "PYTHON", *more]  # no path of this machine in the record
    record("llama_cpp", figures)


if __name__ == "__main__":
    main()
