"""Passages of a folder embedded in a second, beside transformers; a search again; memory of a long text's vectors.

python benchmarks/sentence_vectors.py --texts FOLDER [--passages 256] [--rounds 3] [--megabytes 100]

The passages are those of `eigenlm search`, with MiniLM. transformers embeds the same ones as sentence-transformers
does: by length, 32 at a time, mean of the tokens at length 1; its better time of 32 and of 16 at a time counts. The two
take turns. The long text repeats the folder's lines; its vectors come from a random encoder of one small layer with
MiniLM's tokenizer, so that what is measured is what streams.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from peers import transformers_twin
from record import peak_mib, record, spread

import eigenlm
from eigenlm.checkpoint import write_folder
from eigenlm.language_model import LanguageModel
from eigenlm.model import Transformer
from eigenlm.sentences import embed_lines
from eigenlm.sentences.folder_files import files_below
from eigenlm.sentences.passages import passages
from eigenlm.text.corpus import read_rows

MODEL, LIMIT = "minilm-l6-v2", 256
QUERY = "a story about grief"


def main() -> None:
    """Measure it all, or one act where this is a process of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--lines", nargs=2, type=Path)
    options = parser.parse_args()
    if options.lines:
        print(json.dumps(streamed(*options.lines)))
        return
    lm = eigenlm.load(MODEL, device="cpu")
    texts = some_passages(lm, options.texts, options.passages)
    figures = {"speed": speed(lm, texts, options.rounds), "search": again(lm, options.texts, len(texts))}
    if options.megabytes:
        figures["memory"] = memory(lm, options.texts, options.megabytes)
    print(json.dumps(figures, indent=1))
    record("sentence_vectors", figures)


def some_passages(lm: LanguageModel, folder: Path, count: int) -> list[str]:
    """The first passages of a folder."""

    def tokens(texts: Any) -> list[int]:
        return [len(row) for row in lm.tokenizer.encode_batch(texts)]

    found = chain.from_iterable(passages(file, tokens, LIMIT - 2) for file in files_below(folder))
    return [one.text for one in islice(found, count)]


def speed(lm: LanguageModel, texts: list[str], rounds: int) -> dict[str, Any]:
    """Passages a second of both, in turns, and the largest difference of a number."""
    theirs = transformers_twin(lm)
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "eigenlm": lambda: lm.embed(texts),
        "transformers, 32": lambda: peer(theirs, lm, texts, 32),
        "transformers, 16": lambda: peer(theirs, lm, texts, 16),
    }
    vectors = {name: act() for name, act in ways.items()}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, act in ways.items():
            begun = time.perf_counter()
            act()
            rates[name].append(len(texts) / (time.perf_counter() - begun))
    tokens = sum(min(LIMIT, len(row)) for row in lm.tokenizer.encode_batch(texts, add_markers=True))
    off = max(float((vectors["eigenlm"] - X).abs().max()) for X in vectors.values())
    return {
        "passages": len(texts),
        "tokens": tokens,
        "per_second": {name: spread(values) for name, values in rates.items()},
        "largest_difference": off,
    }


@torch.inference_mode()
def peer(model: Any, lm: LanguageModel, texts: list[str], count: int) -> torch.Tensor:
    """As sentence-transformers: the longest first, so many at a time."""
    rows = [row[: LIMIT - 1] + row[-1:] for row in lm.tokenizer.encode_batch(texts, add_markers=True)]
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    found = torch.empty(len(rows), lm.config.d_model)
    for start in range(0, len(order), count):
        some = order[start : start + count]
        width = len(rows[some[0]])
        ids = torch.tensor([rows[i] + [0] * (width - len(rows[i])) for i in some])
        mask = torch.tensor([[1] * len(rows[i]) + [0] * (width - len(rows[i])) for i in some])
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        found[some] = F.normalize((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)
    return found


def again(lm: LanguageModel, folder: Path, most: int) -> dict[str, Any]:
    """Seconds of a first search in some files of the folder, of a second, and of one after a file has changed."""
    with tempfile.TemporaryDirectory() as place:
        texts, held = Path(place) / "texts", 0
        texts.mkdir()
        for number, file in enumerate(files_below(folder)):
            (texts / f"{number:06}.txt").write_bytes(file.read_bytes())
            held += len(some_passages(lm, file, most))
            if held >= most:
                break
        seconds = {}
        for name in ("first", "second", "after a change"):
            if name == "after a change":
                (texts / "000000.txt").write_text("A story about something else.")
            begun = time.perf_counter()
            found = eigenlm.search(lm, texts, QUERY, index=Path(place) / "index")
            seconds[name] = time.perf_counter() - begun
        size = found.index.stat().st_size
    return {"files": found.num_files, "passages": found.num_passages, "seconds": seconds, "index_bytes": size}


def memory(lm: LanguageModel, folder: Path, megabytes: int) -> dict[str, Any]:
    """What a process takes for a text of so many megabytes, and for a thousandth of it."""
    with tempfile.TemporaryDirectory() as place:
        model = small_encoder(lm, Path(place) / "model")
        found = {}
        for name, size in (("short", megabytes * 1000), ("long", megabytes * 1_000_000)):
            text = Path(place) / f"{name}.txt"
            write_lines(folder, text, size)
            command = [sys.executable, __file__, "--texts", str(folder), "--lines", str(model), str(text)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name] = json.loads(done.stdout)
    return found


def small_encoder(lm: LanguageModel, folder: Path) -> Path:
    """A random encoder of one layer with the same tokenizer, which reads 16 tokens of a text."""
    torch.manual_seed(0)
    config = replace(lm.config, num_layers=1)
    vectors = replace(lm.generation.vectors, max_length=16)
    generation = replace(lm.generation, vectors=vectors)
    write_folder(folder, Transformer(config), tokenizer=lm.tokenizer, chat_template=None, generation=generation)
    return folder


def write_lines(folder: Path, path: Path, size: int) -> None:
    """So many bytes of the folder's lines, again and again."""
    lines = [line for file in islice(files_below(folder), 200) for line in read_rows(file) if line.strip()]
    with path.open("w", encoding="utf-8") as file:
        for line in cycle(lines):
            file.write(line[:400] + "\n")
            if file.tell() >= size:
                return


def streamed(model: Path, text: Path) -> dict[str, float]:
    """Embed the lines of a text; peak memory, and how long it took."""
    lm = eigenlm.load(model, device="cpu")
    before, begun = peak_mib(), time.perf_counter()
    found = embed_lines(lm, text, text.with_suffix(".npy"))
    seconds = time.perf_counter() - begun
    size = text.with_suffix(".npy").stat().st_size
    return {
        "bytes": text.stat().st_size,
        "lines": found.num_texts,
        "out_bytes": size,
        "seconds": seconds,
        "peak_mib": peak_mib(),
        "peak_mib_of_the_model": before,
    }


if __name__ == "__main__":
    main()
