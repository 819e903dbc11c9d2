"""A text of 100 MB: the memory that its perplexity takes over the model, and how soon a plan has its windows.

python benchmarks/text_streams.py --text ../shared/data/wikitext2.valid.txt [--megabytes 100]

The command `eigenlm perplexity` reads all of the text with a small decoder, whose vocabulary is learned from it, and
200 kB of it with SmolLM2; the same on 1 kB is what the model takes. SmolLM2's tokenizer also reads all of it.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from record import peak_mib, record

import eigenlm
from eigenlm.checkpoint import write_folder
from eigenlm.model import DenseFeedForward, SoftmaxConfig, Transformer, TransformerConfig
from eigenlm.text.corpus import documents_of
from eigenlm.text.reading import ReadText
from eigenlm.text.tokenizer_training import train_tokenizer
from eigenlm.text.windows import windows_across

MODEL, VOCABULARY = "smollm2-135m-instruct", 4096


def main() -> None:
    """Measure it all, or one act where this is a process of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--act", choices=ACTS)
    options = parser.parse_args()
    if options.act:
        print(json.dumps(ACTS[options.act](options.text)))
        return
    with tempfile.TemporaryDirectory() as folder:
        short, part, long = (Path(folder) / f"{name}.txt" for name in ("short", "part", "long"))
        write_long(options.text, long, options.megabytes * 1_000_000)
        text = options.text.read_text(encoding="utf-8")
        short.write_text(text[:1000])
        part.write_text(text[:200_000])
        small = tiny_model(text[:1_000_000], Path(folder) / "model")
        figures = {
            "what": "peak over the model, MiB, and seconds; must be at most 572 MiB (600 MB), and 2 s for a plan",
            "bytes": long.stat().st_size,
            "perplexity of all of it, a small decoder": over(short, long, lambda text: perplexity(small, text)),
            "perplexity of 200 kB, SmolLM2": over(short, part, lambda text: perplexity(MODEL, text)),
            **{f"{act}, SmolLM2": over(short, long, lambda text, act=act: acted(act, text)) for act in ACTS},
        }
    record("text_streams", figures)


def write_long(source: Path, path: Path, num_bytes: int) -> None:
    """The lines of a text again and again, each time in another order."""
    lines, drawn = source.read_text(encoding="utf-8").splitlines(keepends=True), random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < num_bytes:
            drawn.shuffle(lines)
            file.writelines(lines)


def tiny_model(text: str, folder: Path) -> str:
    """A decoder of two layers of width 64 with a vocabulary of its own, as a folder."""
    config = TransformerConfig.uniform(
        vocab_size=VOCABULARY,
        context_length=1024,
        d_model=64,
        num_layers=2,
        attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=32),
        feed_forward=DenseFeedForward(d_ff=128, activation="silu", gated=True),
    )
    torch.manual_seed(0)
    write_folder(folder, Transformer(config), tokenizer=train_tokenizer("bpe", [text], VOCABULARY))
    return str(folder)


def over(short: Path, long: Path, measured) -> dict[str, float]:
    """What a text takes over what a short one does."""
    first, second = measured(short), measured(long)
    return second | {"peak_over_model_mib": second["peak_mib"] - first["peak_mib"], "seconds_short": first["seconds"]}


def perplexity(model: str, text: Path) -> dict[str, float]:
    """The command as a process: its seconds, its most memory and what it prints."""
    command = [sys.executable, "-m", "eigenlm", "perplexity", model, "--text", str(text), "--json"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mib": usage.ru_maxrss / 1024, "nll": told["nll"], "tokens": told["tokens"]}


def acted(act: str, text: Path) -> dict[str, float]:
    """An act of `ACTS` in a process of its own."""
    command = [sys.executable, __file__, "--act", act, "--text", str(text)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def plans_windows(text: Path) -> dict[str, float]:
    """Seconds from a loaded model to the 8,192 tokens of a plan."""
    tokenizer = eigenlm.load(MODEL).tokenizer
    start = time.perf_counter()
    windows_across(documents_of(text)[1], tokenizer, 64 if text.stat().st_size < 2000 else 1024, 8)
    return {"seconds": time.perf_counter() - start, "peak_mib": peak_mib()}


def all_tokens(text: Path) -> dict[str, float]:
    """Seconds to read every token, none of which is kept."""
    read = ReadText(text, eigenlm.load(MODEL).tokenizer)
    start = time.perf_counter()
    count = sum(1 for _ in read)
    return {"seconds": time.perf_counter() - start, "peak_mib": peak_mib(), "tokens": count}


ACTS = {"windows of a plan": plans_windows, "every token": all_tokens}

if __name__ == "__main__":
    main()
