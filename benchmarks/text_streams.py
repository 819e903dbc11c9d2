"""A text of 100 MB: the memory that its perplexity takes over the model, and how soon a plan has its windows.

python benchmarks/text_streams.py --text ../shared/data/wikitext2.valid.txt [--megabytes 100]

Each measurement is a process of its own. A decoder of two layers of width 64 with SmolLM2's tokenizer reads all of the
text, as `eigenlm perplexity` does; SmolLM2 itself reads 200 kB of it. The same on 1 KB is what the model takes.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from record import peak_mib, record

import eigenlm
from eigenlm.model import DenseFeedForward, SoftmaxConfig, Transformer, TransformerConfig
from eigenlm.text.corpus import documents_of
from eigenlm.text.windows import windows_across

MODEL = "smollm2-135m-instruct"


def main() -> None:
    """Measure it all, or one act where this is a process of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--act", choices=("tiny", "perplexity", "plan"))
    options = parser.parse_args()
    if options.act:
        print(json.dumps(measured(options.act, options.text)))
        return
    figures = {"what": "peak over the model, MiB; seconds to a plan's windows", "must": "<= 572 MiB (600 MB); <= 2 s"}
    with tempfile.TemporaryDirectory() as folder:
        short, part, long = (Path(folder) / f"{name}.txt" for name in ("short", "part", "long"))
        write_long(options.text, long, options.megabytes * 1_000_000)
        short.write_text(long.read_text()[:1000])
        part.write_text(long.read_text()[:200_000])
        for act, text in (("tiny", long), ("perplexity", part), ("plan", long)):
            small, large = process(act, short), process(act, text)
            over = large["peak_mib"] - small["peak_mib"]
            figures[act] = {"short": small, "long": large, "bytes": text.stat().st_size, "peak_over_model_mib": over}
    record("text_streams", figures)


def write_long(source: Path, path: Path, num_bytes: int) -> None:
    lines, drawn = source.read_text().splitlines(keepends=True), random.Random(0)
    with path.open("w") as file:
        while file.tell() < num_bytes:
            drawn.shuffle(lines)
            file.writelines(lines)


def process(act: str, text: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--act", act, "--text", str(text)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def tiny_model(lm: eigenlm.LanguageModel) -> Transformer:
    config = TransformerConfig.uniform(
        vocab_size=lm.config.vocab_size,
        context_length=1024,
        d_model=64,
        num_layers=2,
        attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=32),
        feed_forward=DenseFeedForward(d_ff=128, activation="silu", gated=True),
    )
    torch.manual_seed(0)
    return Transformer(config).eval()


def measured(act: str, text: Path) -> dict[str, float]:
    """Do an act on a text: how long it takes once the model is there, and the most memory of the process."""
    lm = eigenlm.load(MODEL)
    if act == "tiny":
        lm = replace(lm, model=tiny_model(lm))
    start = time.perf_counter()
    if act == "plan":
        _, documents = documents_of(text)
        windows_across(documents, lm.tokenizer, 64 if text.stat().st_size < 2000 else 1024, 8)
        return {"seconds": time.perf_counter() - start, "peak_mib": peak_mib()}
    score = eigenlm.perplexity(lm, text)
    return {"seconds": time.perf_counter() - start, "peak_mib": peak_mib(), "tokens": score.tokens, "nll": score.nll}


if __name__ == "__main__":
    main()
