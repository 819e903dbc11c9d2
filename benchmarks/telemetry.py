"""What telemetry costs: seconds of a training step with it on and off, in one process, in alternating rounds.

The model is the 10M-parameter GPT of the training figures; the loop is the plainest fast one, bfloat16 autocast with
fused AdamW. Telemetry is at its defaults. A round is as many steps as a full cycle of readings; rounds on and off
alternate, in an order that alternates too. `cost` is what telemetry's own calls take, by medians, over the median step
without it: between two whole loops, a machine with other work to do shows differences many times as large.

    python benchmarks/telemetry.py [--rounds 6]
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from record import record, spread

from eigenlm.model import AttentionConfig, FeedForwardConfig, Transformer, TransformerConfig
from eigenlm.train.recipe import TelemetryRecipe
from eigenlm.train.telemetry import Alarms, Telemetry, trained_matrices

BATCH, T, VOCAB = 8, 256, 8192
CYCLE = 20  # steps, the least common multiple of the default intervals


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
    """Training steps on random tokens; `own` keeps what telemetry took at each step of a cycle."""

    def __init__(self) -> None:
        self.model = gpt()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, fused=True)
        self.ids = torch.randint(VOCAB, (BATCH, T + 1), generator=torch.Generator().manual_seed(0))
        self.watch, self.alarms = Telemetry(self.model, TelemetryRecipe()), Alarms(TelemetryRecipe())
        self.step = 0
        self.own: list[list[float]] = [[] for _ in range(CYCLE)]

    def cycle(self, watched: bool) -> list[float]:
        """Seconds of each step of a cycle."""
        return [self.train(watched) for _ in range(CYCLE)]

    def train(self, watched: bool) -> float:
        self.step += 1
        start, own = time.perf_counter(), 0.0
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.model(self.ids[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), self.ids[:, 1:].flatten())
        loss.backward()
        if watched:
            own -= time.perf_counter()
            self.watch.before_step(self.step)
            own += time.perf_counter()
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0))
        self.optimizer.step()
        self.optimizer.zero_grad()
        value = loss.item()
        if watched:
            own -= time.perf_counter()
            reading = self.watch.after_step(self.step)
            self.alarms.check(self.step, loss=value, gradient_norm=norm, reading=reading)
            own += time.perf_counter()
            self.own[self.step % CYCLE].append(own)
        return time.perf_counter() - start

    def spectra(self) -> list[float]:
        """Seconds of the full spectrum of each matrix in its turn."""
        seconds = []
        for turn in range(1, len(trained_matrices(self.model)) + 1):
            start = time.perf_counter()
            self.watch.after_step(CYCLE * turn)  # without before_step, only the spectrum is due
            seconds.append(time.perf_counter() - start)
        return seconds


def measure(rounds: int) -> dict:
    loop = Loop()
    loop.cycle(watched=True)
    loop.own = [[] for _ in range(CYCLE)]
    on, off = [], []
    for i in range(rounds):
        for watched in (True, False) if i % 2 else (False, True):
            (on if watched else off).extend(loop.cycle(watched))
    spectrum = statistics.mean(loop.spectra())
    # Of a cycle, the half without a spectrum twice, and one spectrum.
    own = 2 * sum(statistics.median(seconds) for seconds in loop.own[1 : CYCLE // 2 + 1]) + spectrum
    return {
        "seconds_a_step_off": spread(off),
        "seconds_a_step_on": spread(on),
        "milliseconds_of_a_reading": spread([1e3 * seconds for seconds in loop.own[CYCLE // 2]]),
        "milliseconds_before_a_reading": spread([1e3 * seconds for seconds in loop.own[CYCLE // 2 - 1]]),
        "milliseconds_of_a_spectrum": 1e3 * spectrum,
        "milliseconds_a_step": 1e3 * own / CYCLE,
        "cost": own / CYCLE / statistics.median(off),
        "cost_by_mean_of_the_faster_half": faster_half(on) / faster_half(off) - 1,
    }


def faster_half(seconds: list[float]) -> float:
    """Mean of the faster half of the cycles: what other work on the machine disturbed least."""
    cycles = sorted(sum(seconds[i : i + CYCLE]) for i in range(0, len(seconds), CYCLE))
    return statistics.mean(cycles[: max(1, len(cycles) // 2)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    figures = {"recipe": vars(TelemetryRecipe()), "threads": torch.get_num_threads(), "steps_a_round": CYCLE}
    record("telemetry", figures | measure(arguments.rounds))


if __name__ == "__main__":
    main()
