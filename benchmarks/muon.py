"""A Muon step against torch.optim.Muon: same shapes, same gradients, in turn; and how orthogonal the two updates are.

python benchmarks/muon.py [--rounds 15] [--threads 2]
"""

import argparse
import time
from collections.abc import Callable

import torch
from record import record, spread
from torch import Tensor, nn
from torch.optim._muon import DEFAULT_A, DEFAULT_B, DEFAULT_C, DEFAULT_NS_STEPS, EPS, _zeropower_via_newtonschulz

from eigenlm.linalg.orthogonalization import orthogonalize
from eigenlm.training.optimizers import SOAP, Muon, Shampoo

GPT = ([(384, 384)] * 4 + [(1536, 384), (384, 1536)]) * 4
Gradient = Callable[[tuple[int, int], torch.Generator], Tensor]


def normal(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """A gradient of noise alone: its spectrum is even, and three polynomials suffice."""
    return torch.randn(shape, generator=generator)


def steep(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """sigma_i = 1 / i: steeper than the momenta of a small GPT in training, and the dearest case, five polynomials."""
    U, S, Vh = torch.linalg.svd(torch.randn(shape, generator=generator), full_matrices=False)
    return U / torch.arange(1.0, len(S) + 1) @ Vh


STEPS = {
    "4 of 768 x 3072": ([(768, 3072)] * 4, normal),
    "GPT, 4 layers of width 384": (GPT, normal),
    "1024 x 1024": ([(1024, 1024)], normal),
    "4 of 768 x 3072, steep": ([(768, 3072)] * 4, steep),
    "GPT, 4 layers of width 384, steep": (GPT, steep),
}


def parameters(shapes: list[tuple[int, int]], gradient: Gradient = normal) -> list[nn.Parameter]:
    """Weights with gradients, the same for each caller."""
    generator, made = torch.Generator().manual_seed(0), []
    for shape in shapes:
        made.append(nn.Parameter(torch.randn(shape, generator=generator) * 0.02))
        made[-1].grad = gradient(shape, generator)
    return made


def seconds(act: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def compare(shapes: list[tuple[int, int]], gradient: Gradient, rounds: int) -> dict:
    """Milliseconds a step, round by round."""
    ours, theirs = Muon(parameters(shapes, gradient)), torch.optim.Muon(parameters(shapes, gradient))
    times: dict[str, list[float]] = {"eigenlm": [], "torch": []}
    for _ in range(rounds + 2):
        times["eigenlm"].append(1e3 * seconds(ours.step))
        times["torch"].append(1e3 * seconds(theirs.step))
    times = {name: values[2:] for name, values in times.items()}  # two rounds to warm up
    ratios = [b / a for a, b in zip(times["eigenlm"], times["torch"])]
    return {f"{name} ms": spread(values) for name, values in times.items()} | {"ratio": spread(ratios)}


def spectra() -> dict[str, Tensor]:
    """Matrices of even, steep and nearly low-rank spectrum."""
    generator, made = torch.Generator().manual_seed(0), {}
    for m, n in ((768, 3072), (384, 1536), (384, 384), (1024, 1024)):
        G = torch.randn(m, n, generator=generator)
        made[f"normal {m} x {n}"] = G
        made[f"sigma = 1 / i, {m} x {n}"] = steep((m, n), generator)
        thin = torch.randn(m, 16, generator=generator) @ torch.randn(16, n, generator=generator)
        made[f"rank 16 and noise, {m} x {n}"] = thin / 4 + 0.1 * G
    return made


def orthogonality(X: Tensor) -> dict:
    """Of both updates: |sigma_i - 1|, the ends of the spectrum, and the distance to float64's polar factor U Vh."""
    U, _, Vh = torch.linalg.svd(X.double(), full_matrices=False)
    theirs = _zeropower_via_newtonschulz(X, (DEFAULT_A, DEFAULT_B, DEFAULT_C), DEFAULT_NS_STEPS, EPS)
    found = {}
    for name, update in (("eigenlm", orthogonalize(X).double()), ("torch", theirs.double())):
        sigma = torch.linalg.svdvals(update)
        found[name] = {
            "max |sigma - 1|": (sigma - 1).abs().max().item(),
            "mean |sigma - 1|": (sigma - 1).abs().mean().item(),
            "smallest sigma": sigma[-1].item(),
            "largest sigma": sigma[0].item(),
            "distance to polar factor, Frobenius, relative": ((update - U @ Vh).norm() / U.shape[1] ** 0.5).item(),
        }
    return found


def others(rounds: int) -> dict:
    """Milliseconds a step on the GPT's matrices, 7.1M parameters; those that refresh do so every tenth step."""
    rules = {
        "AdamW fused": torch.optim.AdamW(parameters(GPT), fused=True),
        "AdamW foreach": torch.optim.AdamW(parameters(GPT), foreach=True),
        "Muon": Muon(parameters(GPT)),
        "SOAP": SOAP(parameters(GPT)),
        "Shampoo": Shampoo(parameters(GPT)),
    }
    times: dict[str, list[float]] = {name: [] for name in rules}
    for _ in range(rounds + 1):
        for name, rule in rules.items():
            times[name].append(1e3 * seconds(rule.step))
    return {name: {"mean": sum(values[1:]) / rounds} | spread(values[1:]) for name, values in times.items()}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    figures = {
        "what": f"one step on float32 weights, {arguments.threads} threads, and the orthogonality of its update",
        "must": "ratio >= 2, |sigma - 1| no worse than torch's",
        "steps": {name: compare(*step, arguments.rounds) for name, step in STEPS.items()},
        "orthogonality": {name: orthogonality(X) for name, X in spectra().items()},
        "step ms on the GPT's matrices": others(20),
    }
    record("muon", figures)


if __name__ == "__main__":
    main()
