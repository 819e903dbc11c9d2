"""What telemetry costs: seconds of a training step with it on and off, in one process, in alternating rounds.

The model is the 10M-parameter GPT of the training figures; the loop is the plainest fast one, bfloat16 autocast with fused
AdamW. Telemetry is at its defaults. A round is as many steps as one full cycle of readings takes; rounds on and off
alternate, in an order that alternates too, and the cost is the median over pairs. Steps of rounds that are off pay nothing.
Each part is also timed by itself, over the calls that did something.

    python benchmarks/telemetry.py [--rounds 8] [--compile]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from record import record, spread

from eigenlm.model import AttentionConfig, FeedForwardConfig, Transformer, TransformerConfig
from eigenlm.train.recipe import TelemetryRecipe
from eigenlm.train.telemetry import Alarms, Telemetry

BATCH, T, VOCAB = 8, 256, 8192


def gpt() -> Transformer:
    torch.manual_seed(0)
    return Transformer(
        TransformerConfig(
            vocab_size=VOCAB,
            context_length=T,
            d_model=384,
            num_layers=4,
            attention=AttentionConfig(num_heads=6, num_kv_heads=6, head_dim=64, bias=True, output_bias=True),
            feed_forward=FeedForwardConfig(d_ff=1536, activation="gelu_tanh"),
        )
    )


class Loop:
    """Training steps on random tokens, with the calls of telemetry timed apart."""

    def __init__(self, compiled: bool) -> None:
        self.model = gpt()
        self.forward = torch.compile(self.model) if compiled else self.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, fused=True)
        self.ids = torch.randint(VOCAB, (BATCH, T + 1), generator=torch.Generator().manual_seed(0))
        recipe = TelemetryRecipe()
        self.watch, self.alarms = Telemetry(self.model, recipe), Alarms(recipe)
        self.step, self.parts = 0, {"before_step": 0.0, "after_step": 0.0, "alarms": 0.0}

    def timed(self, part: str, call: Callable):
        start = time.perf_counter()
        result = call()
        self.parts[part] += time.perf_counter() - start
        return result

    def train(self, steps: int, watched: bool) -> float:
        """Seconds of so many steps."""
        start = time.perf_counter()
        for _ in range(steps):
            self.step += 1
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = self.forward(self.ids[:, :-1])
            loss = F.cross_entropy(logits.float().flatten(0, 1), self.ids[:, 1:].flatten())
            loss.backward()
            if watched:
                self.timed("before_step", lambda: self.watch.before_step(self.step))
            norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0))
            self.optimizer.step()
            self.optimizer.zero_grad()
            value = loss.item()
            if watched:
                reading = self.timed("after_step", lambda: self.watch.after_step(self.step))
                self.timed(
                    "alarms",
                    lambda: self.alarms.check(self.step, loss=value, gradient_norm=norm, reading=reading),  # noqa: B023
                )
        return time.perf_counter() - start


def measure(compiled: bool, rounds: int) -> dict:
    loop, cycle = Loop(compiled), 20  # the least common multiple of the default intervals
    loop.train(cycle, watched=True)
    loop.parts = dict.fromkeys(loop.parts, 0.0)
    on, off = [], []
    for i in range(rounds):
        for watched in (True, False) if i % 2 else (False, True):
            (on if watched else off).append(loop.train(cycle, watched) / cycle)
    steps = rounds * cycle
    return {
        "seconds_a_step_off": spread(off),
        "seconds_a_step_on": spread(on),
        "cost_by_pairs": spread([a / b - 1 for a, b in zip(on, off)]),
        "cost_by_own_time": sum(loop.parts.values()) / steps / statistics.median(off),
        "milliseconds_a_step_by_part": {part: 1e3 * seconds / steps for part, seconds in loop.parts.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--compile", action="store_true", help="measure the compiled loop as well")
    arguments = parser.parse_args()
    figures = {"recipe": vars(TelemetryRecipe()), "threads": torch.get_num_threads(), "steps_a_round": 20}
    figures["eager"] = measure(False, arguments.rounds)
    if arguments.compile:
        figures["compiled"] = measure(True, arguments.rounds)
    record("telemetry", figures)


if __name__ == "__main__":
    main()
