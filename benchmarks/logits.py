"""Logits, greedy text and loading time against transformers: the same files, in the same run.

python benchmarks/logits.py [--rounds 5] [--texts 20] [--tokens 64]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import torch
import transformers
from record import record, spread

from eigenlm.checkpoint import Checkpoint, read_model
from eigenlm.checkpoint.locate import locate
from eigenlm.engine import generate

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "checkpoint"))
import tiny_transformers

PROMPT = "The history of linear algebra begins with"
OURS = """
import json, sys, time, torch
torch.set_num_threads(1)
start = time.perf_counter()
from eigenlm.checkpoint import read_model
read = read_model(sys.argv[1])
with torch.no_grad():
    logits = read.model(torch.tensor([read.tokenizer.encode(sys.argv[2])]))[0, -1]
print(json.dumps([time.perf_counter() - start, int(logits.argmax())]))
"""
THEIRS = """
import json, os, sys, time, torch
torch.set_num_threads(1)
start = time.perf_counter()
from transformers import AutoModelForCausalLM, AutoTokenizer
place = {"pretrained_model_name_or_path": os.path.dirname(sys.argv[1]), "gguf_file": os.path.basename(sys.argv[1])}
tokenizer = AutoTokenizer.from_pretrained(**place)
model = AutoModelForCausalLM.from_pretrained(**place).eval()
with torch.no_grad():
    logits = model(torch.tensor([tokenizer.encode(sys.argv[2])])).logits[0, -1]
print(json.dumps([time.perf_counter() - start, int(logits.argmax())]))
"""


def texts(count: int) -> list[str]:
    """Beginnings of articles that every Python carries."""
    return [topics[name][:400] for name in sorted(topics, key=lambda name: -len(topics[name]))[:count]]


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """|ours - theirs| / |theirs| in the Euclidean norm."""
    return float((ours - theirs).norm() / theirs.norm())


def tiny_families() -> dict[str, float]:
    """Largest difference of any logit, for a tiny random model of each kind."""
    largest = {}
    for name in tiny_transformers.MODELS:
        theirs = tiny_transformers.tiny(name)
        with tempfile.TemporaryDirectory() as folder:
            theirs.save_pretrained(folder)
            ours = tiny_transformers.our_answer(read_model(folder).model)
        largest[name] = float((ours - tiny_transformers.answer(theirs)).abs().max())
    return largest


def smollm2(read: Checkpoint, count: int, tokens: int) -> dict[str, Any]:
    """Logits on texts, and greedy continuations of their first 24 tokens."""
    place = {"pretrained_model_name_or_path": str(read.path.parent), "gguf_file": read.path.name}
    theirs = transformers.AutoModelForCausalLM.from_pretrained(**place).eval()
    rows = [read.tokenizer.encode(text) for text in texts(count)]
    differences = [relative(read.model(torch.tensor([row])), theirs(torch.tensor([row])).logits) for row in rows]
    theirs.generation_config.eos_token_id = None  # all tokens, whatever they are
    same = 0
    for row in rows:
        out = theirs.generate(torch.tensor([row[:24]]), max_new_tokens=tokens, do_sample=False)[0, 24:].tolist()
        same += out == [step[0] for step in generate(read.model, [row[:24]], max_tokens=tokens)]
    return {"relative difference of logits": spread(differences), "greedy texts identical": f"{same} of {len(rows)}"}


def minilm(count: int) -> dict[str, float]:
    """Mean-pooled sentence vectors."""
    read = read_model("minilm-l6-v2")
    theirs = transformers.AutoModel.from_pretrained(read.path).eval()
    rows = [torch.tensor([read.tokenizer.encode(text, add_markers=True)]) for text in texts(count)]
    return spread([relative(read.model(row).mean(1), theirs(row).last_hidden_state.mean(1)) for row in rows])


def loading(path: Path, rounds: int) -> dict[str, Any]:
    """Seconds from an imported torch to the first logits, tokenizer included, each in a new process, in turn."""
    seconds: dict[str, list[float]] = {"eigenlm": [], "transformers": []}
    first = set()
    for _ in range(rounds):
        for name, program in (("eigenlm", OURS), ("transformers", THEIRS)):
            command = [sys.executable, "-c", program, str(path), PROMPT]
            out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            taken, token = json.loads(out.splitlines()[-1])
            seconds[name].append(taken)
            first.add(token)
    assert len(first) == 1, f"different first tokens: {first}"
    return {name: spread(values) for name, values in seconds.items()}


def main() -> None:
    """Compare and measure on one thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    path = locate("smollm2-135m-instruct")
    figures = {
        "tiny random models, largest difference of a logit": {"must": "<= 1e-5", **tiny_families()},
        "SmolLM2 from GGUF": {
            "must": "relative difference <= 1e-4, greedy texts of 64 tokens identical",
            **smollm2(read_model(path), arguments.texts, arguments.tokens),
        },
        "MiniLM embeddings, relative difference": {"must": "<= 1e-4", **minilm(arguments.texts)},
        "SmolLM2 from GGUF to first logits, seconds": {"must": "<= 2", **loading(path, arguments.rounds)},
    }
    record("logits", figures)


if __name__ == "__main__":
    main()
