"""Tokens per second at batch 1 against transformers' generate: same weights, same prompt, in turn.

python benchmarks/generation.py [--rounds 7] [--tokens 64]
"""

import argparse
import time

import torch
from peers import transformers_twin
from record import record, spread

import eigenlm

PROMPT = "The history of linear algebra begins with"


def rate(generate, tokens: int) -> float:
    """Tokens per second of one run."""
    start = time.perf_counter()
    count = generate(tokens)
    assert count == tokens
    return tokens / (time.perf_counter() - start)


def compare(dtype: torch.dtype, rounds: int, tokens: int) -> dict:
    """Both at one dtype, round by round."""
    lm = eigenlm.load("smollm2-135m-instruct", dtype=dtype)
    peer = transformers_twin(lm).to(dtype)
    ids = torch.tensor([lm.tokenizer.encode(PROMPT)])

    def ours(count: int) -> int:
        return sum(1 for _ in eigenlm.engine.generate(lm.runner, ids.tolist(), max_tokens=count))

    def theirs(count: int) -> int:
        out = peer.generate(ids, max_new_tokens=count, min_new_tokens=count, do_sample=False)
        return out.shape[1] - ids.shape[1]

    rates: dict[str, list[float]] = {"eigenlm": [], "transformers": []}
    rate(ours, tokens), rate(theirs, tokens)
    for _ in range(rounds):
        rates["eigenlm"].append(rate(ours, tokens))
        rates["transformers"].append(rate(theirs, tokens))
    ratios = [a / b for a, b in zip(rates["eigenlm"], rates["transformers"])]
    return {name: spread(values) for name, values in rates.items()} | {"ratio": spread(ratios)}


def main() -> None:
    """Measure float32 and bfloat16 at two threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    figures = {
        "what": "tokens/s, SmolLM2-135M-Instruct, batch 1, greedy, prefill included, 2 threads",
        "must": "ratio >= 1.5",
        "float32": compare(torch.float32, arguments.rounds, arguments.tokens),
        "bfloat16": compare(torch.bfloat16, arguments.rounds, arguments.tokens),
    }
    record("generation", figures)


if __name__ == "__main__":
    main()
