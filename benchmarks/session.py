"""Tokens per second of requests that arrive at random, side by side in a session, against one after another.

python benchmarks/session.py [--rounds 5] [--requests 8] [--dtype float32]
"""

import argparse
import random
import time

import torch
from record import record, spread

import eigenlm
from eigenlm.engine import Runner, Sampling, Session

TOPICS = ("a matrix", "the sea", "prime numbers", "bread", "a short story about a lighthouse keeper", "rain", "Euler")


class Request:
    """A prompt, how many tokens are wanted, how they are chosen, and the step at which it arrives."""

    def __init__(self, number: int, chance: random.Random, encode) -> None:
        topics = " and ".join(chance.choices(TOPICS, k=chance.randint(1, 24)))
        self.ids = encode(f"Request {number}. Tell me about {topics}.")
        self.max_tokens = chance.randint(32, 96)
        self.sampling = Sampling(temperature=0.8, top_p=0.95, seed=number) if number % 2 else Sampling()
        self.arrival = chance.randint(0, 16)


def alone(runner: Runner, requests: list[Request]) -> list[list[int]]:
    """Each request by itself, one after another."""
    texts = []
    for request in requests:
        session = Session(runner)
        session.admit(request.ids, sampling=request.sampling, max_tokens=request.max_tokens)
        steps = []
        while session.active:
            steps += session.step().values()
        texts.append([token for token in steps if token is not None])
    return texts


def together(runner: Runner, requests: list[Request]) -> list[list[int]]:
    """All in one session, admitted as they arrive."""
    session, texts, owners, clock = Session(runner), [[] for _ in requests], {}, 0
    coming = sorted(range(len(requests)), key=lambda number: requests[number].arrival)
    while coming or session.active:
        while coming and requests[coming[0]].arrival <= clock:
            request = requests[coming[0]]
            slot = session.admit(request.ids, sampling=request.sampling, max_tokens=request.max_tokens)
            owners[slot] = coming.pop(0)
        for slot, token in session.step().items():
            texts[owners[slot]] += [] if token is None else [token]
        clock += 1
    return texts


def timed(run, runner: Runner, requests: list[Request]) -> tuple[float, list[list[int]]]:
    """Tokens per second, and the texts."""
    start = time.perf_counter()
    texts = run(runner, requests)
    return sum(map(len, texts)) / (time.perf_counter() - start), texts


def main() -> None:
    """Measure at two threads, both in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    lm = eigenlm.load("smollm2-135m-instruct", dtype=arguments.dtype)
    rates: dict[str, list[float]] = {"together": [], "alone": []}
    same = total = 0
    alone(lm.runner, [Request(0, random.Random(0), lm.tokenizer.encode)])
    for seed in range(arguments.rounds):
        chance = random.Random(seed)
        requests = [Request(number, chance, lm.tokenizer.encode) for number in range(arguments.requests)]
        rate, beside = timed(together, lm.runner, requests)
        rates["together"].append(rate)
        rate, single = timed(alone, lm.runner, requests)
        rates["alone"].append(rate)
        same += sum(a == b for a, b in zip(beside, single))
        total += len(requests)
    figures = {
        "what": f"tokens/s, SmolLM2-135M-Instruct, {arguments.dtype}, {arguments.requests} requests, prefill included",
        "must": "ratio >= 2.2, all texts the same",
        "requests": "6 to 90 words, 32 to 96 tokens, every other greedy, admitted over 16 steps",
        **{name: spread(values) for name, values in rates.items()},
        "ratio": spread([a / b for a, b in zip(rates["together"], rates["alone"])]),
        "texts the same as alone": f"{same} of {total}",
    }
    print(figures)
    record("session" if arguments.dtype == "float32" else f"session_{arguments.dtype}", figures)


if __name__ == "__main__":
    main()
