"""What keys and values of few bits cost SmolLM2, and what they save: loss, bytes a token, tokens a second.

    python benchmarks/cache.py --text wikitext2.valid.txt --other tinyshakespeare.txt [--judged 32]

The loss is that of `eigenlm perplexity --cache FORM` in windows of 1,024 tokens, beside that of the same windows with
keys and values as they are. Beside it stand blocks of 32 numbers with one scale, as llama.cpp keeps keys and values as
Q8_0 and Q4_0, by the formula. Speed is of 32 tokens after 1,000, by turns.
"""

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import torch
from record import record, spread
from torch import Tensor

import eigenlm
from eigenlm.attention import vector_codes
from eigenlm.attention.vector_codes import FORMS, VectorCodes
from eigenlm.engine.room import bytes_per_token
from eigenlm.engine.session import Session
from eigenlm.tasks import nll_increase, perplexity
from eigenlm.text.windows import token_windows

MODEL, WINDOW, BEFORE, AFTER, ROUNDS = "smollm2-135m-instruct", 1024, 1000, 32, 7


class Blocks(VectorCodes):
    """Blocks of 32 numbers with one scale in float16, told again as soon as they are kept."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """The numbers that the blocks tell."""
        blocks = x.float().unflatten(-1, (-1, 32))
        furthest = blocks.gather(-1, blocks.abs().argmax(dim=-1, keepdim=True))
        bound = furthest.abs() / self.most if self.most == -self.least else furthest / self.least
        scale = bound.half().float()
        codes = (blocks / scale.where(scale != 0, 1.0)).round().clamp(self.least, self.most)
        return ((codes * scale).flatten(-2).to(x.dtype),)

    def decode(self, kept: tuple[Tensor, ...], dtype: torch.dtype) -> Tensor:
        """They."""
        return kept[0]

    def num_bytes(self, width: int, itemsize: int) -> int:
        """Codes of 8 or 4 bits, and a scale a block."""
        return width // (1 if self.most == 127 else 2) + width // 16


PEERS = {"Q8_0": Blocks(-127, 127), "Q4_0": Blocks(-8, 7)}


def main() -> None:
    """Fill the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--judged", type=int, default=32, help="windows of each text")
    options = parser.parse_args()
    lm = eigenlm.load(MODEL, device="cpu")
    texts = {path.name: first_windows(lm, path, options.judged) for path in (options.text, options.other)}
    plain = {name: perplexity(lm, text, window=WINDOW) for name, text in texts.items()}
    own = [name for name in FORMS if name != "float"]
    FORMS.update(PEERS)
    vector_codes.check_cache = lambda name: None  # peers have no name that a user may give
    rows: dict[str, dict[str, Any]] = {}
    for cache in (*own, *PEERS):
        coded = dataclasses.replace(lm, cache=cache)
        rows[cache] = {
            name: vars(nll_increase(plain[name], perplexity(coded, text, window=WINDOW)))
            for name, text in texts.items()
        }
        rows[cache]["bytes a token"] = bytes_per_token(lm.config, torch.float32, cache)
        print(cache, rows[cache], flush=True)
    record(
        "cache",
        {
            "what": "increase of the nll, nats a token, of SmolLM2-135M-Instruct by keys and values of few bits",
            "judged_tokens": {name: result.tokens for name, result in plain.items()},
            "bytes a token in float32": bytes_per_token(lm.config, torch.float32),
            "forms": rows,
            "tokens a second after 1,000": speeds(lm, ["float", *own]),
        },
    )


def first_windows(lm: eigenlm.LanguageModel, path: Path, count: int) -> str:
    """The text of the first windows."""
    windows = token_windows([path.read_text("utf-8")], lm.tokenizer, WINDOW)[:count]
    return lm.tokenizer.decode(windows.flatten().tolist())


def speeds(lm: eigenlm.LanguageModel, caches: list[str]) -> dict[str, Any]:
    """By turns."""
    found: dict[str, list[float]] = {cache: [] for cache in caches}
    prompt = torch.randint(1000, 20000, (BEFORE,), generator=torch.Generator().manual_seed(0)).tolist()
    for _ in range(ROUNDS):
        for cache in caches:
            with Session(lm.runner, cache=cache) as session:
                session.admit(prompt, max_tokens=AFTER + 1)
                session.step()
                start = time.perf_counter()
                while session.active:
                    session.step()
                found[cache].append(AFTER / (time.perf_counter() - start))
    return {cache: spread(rates) for cache, rates in found.items()}


if __name__ == "__main__":
    main()
