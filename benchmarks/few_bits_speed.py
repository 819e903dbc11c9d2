"""Tokens per second at batch 1 of layers of few bits and of few ranks, beside the dense model at its fastest, by turns.

python benchmarks/few_bits_speed.py [--rounds 7] [--tokens 64] [--only "4 bits"]

All are SmolLM2-135M-Instruct in one process with two threads: dense in float32 and in bfloat16 by oneDNN; the 4 bits of
its own file (Q4_1, the embedding Q8_0), which float32 holds to the last bit; rounded to Q4_K's and to 8 bits; factored
by a plan that keeps .6 of the bytes. A round decodes the same prompt with each; a ratio is of one round.
"""

import argparse
import time
from collections.abc import Callable

import torch
from gguf import GGMLQuantizationType
from gguf.quants import quantize
from record import record, spread

import eigenlm
from eigenlm.engine.packed_linear import CodedLinear, PackedLinear
from eigenlm.linear import BlockLinear, Int8Linear, LinearMap, linear_maps

MODEL, PROMPT = "smollm2-135m-instruct", "The history of linear algebra begins with"
DENSE = ("dense, float32", "dense, bfloat16")


def loaded(dtype: str, change: Callable[[LinearMap], LinearMap] | None = None) -> eigenlm.LanguageModel:
    """The model with its linear layers changed."""
    lm = eigenlm.load(MODEL, dtype=dtype)
    for name, layer in linear_maps(lm.model).items() if change else ():
        lm.model.set_submodule(name, change(layer))
    return lm


def off_the_grid() -> eigenlm.LanguageModel:
    """Numbers that no few bits tell: each a thousandth larger, the embedding as well."""
    lm = eigenlm.load(MODEL)
    with torch.no_grad():
        for parameter in lm.model.parameters():
            parameter.mul_(1.001)
    return lm


def in_blocks(layer: LinearMap) -> LinearMap:
    """Q8_0's blocks."""
    kind, W = GGMLQuantizationType.Q8_0, layer.dense().detach()
    blocks = torch.from_numpy(quantize(W.float().numpy(), kind))
    return BlockLinear.from_blocks(blocks, layer.in_features, int(kind), layer.bias, W.dtype)


def in_eight_bits(layer: LinearMap) -> LinearMap:
    """One step a row."""
    return Int8Linear.from_dense(layer.dense().detach(), layer.bias)


def factored() -> eigenlm.LanguageModel:
    """A plan's model of low rank; its accuracy is not the matter here."""
    return eigenlm.apply(eigenlm.plan(eigenlm.load(MODEL), keep=0.6, tokens=2048), dtype="bfloat16")


MODELS: dict[str, Callable[[], eigenlm.LanguageModel]] = {
    DENSE[0]: off_the_grid,
    DENSE[1]: lambda: loaded("bfloat16"),
    "4 bits, float32": lambda: loaded("float32"),
    "int8, float32": lambda: loaded("float32", in_eight_bits),
    "int8, bfloat16": lambda: loaded("bfloat16", in_eight_bits),
    "Q8_0, bfloat16": lambda: loaded("bfloat16", in_blocks),
    "low rank, keep .6, bfloat16": factored,
}


def rate(lm: eigenlm.LanguageModel, tokens: int) -> float:
    """Tokens per second after the first, which reads the prompt."""
    steps = eigenlm.engine.generate(lm.runner, [lm.tokenizer.encode(PROMPT)], max_tokens=tokens)
    next(steps)
    start = time.perf_counter()
    count = sum(1 for _ in steps)
    return count / (time.perf_counter() - start)


def megabytes(lm: eigenlm.LanguageModel) -> dict[str, float]:
    """Of the matrices of the twin that runs, by how they are stored."""
    sizes = {"from codes": 0, "dense": 0}
    for part in lm.runner.current().modules():
        if isinstance(part, CodedLinear):
            sizes["from codes"] += part.product.num_bytes
        elif isinstance(part, PackedLinear):
            sizes["dense"] += part.weight.numel() * part.weight.element_size()
    return {name: round(size / 1e6, 1) for name, size in sizes.items()}


def main() -> None:
    """Measure all by turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--only", nargs="+", default=("",), help="beginnings of the names of what is beside the dense")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    chosen = [name for name in MODELS if name in DENSE or name.startswith(tuple(arguments.only))]
    models = {name: MODELS[name]() for name in chosen}
    rates: dict[str, list[float]] = {name: [] for name in models}
    for lm in models.values():
        rate(lm, arguments.tokens)
    for turn in range(arguments.rounds):
        for name in chosen[:: 1 if turn % 2 else -1]:
            rates[name].append(rate(models[name], arguments.tokens))
    fastest = max(DENSE, key=lambda name: spread(rates[name])["median"])
    figures = {
        "what": "tokens/s after the prompt, SmolLM2-135M-Instruct, batch 1, greedy, 2 threads",
        "must": "4 bits >= 1.8 times the fastest dense, int8 and low rank of keep .6 above it (>= 1.25)",
        "fastest dense": fastest,
        **{
            name: {
                **spread(rates[name]),
                "megabytes": megabytes(lm),
                "over the fastest dense": spread([a / b for a, b in zip(rates[name], rates[fastest])]),
            }
            for name, lm in models.items()
        },
    }
    for name in models:
        print(name, figures[name], flush=True)
    record("few_bits_speed", figures)


if __name__ == "__main__":
    main()
