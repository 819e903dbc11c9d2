"""How wrong KFAC and block-diagonal curvature are, and how gradients flow with norms and without.

python benchmarks/kfac.py [--steps 400] [--groups 8] [--probes 8]

1. A transformer of 2,844 parameters, as initialised and trained on characters of Python's documentation, in float64:
   errors from the dense Gauss-Newton matrix, exact, beside those estimated from gradient draws, with their intervals.
2. SmolLM2-135M on 2 x 128 tokens: block-diagonal error and the KFAC error of all 210 matrices by draws, and of the
   matrices of a middle block by products, with EKFAC beside.
3. The gain of every layer of SmolLM2 with its norms and without them.
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from record import record

import eigenlm
from eigenlm.curvature.blocks import BlockApproximation, Blocks, blocks_of, compare
from eigenlm.curvature.gauss_newton import GaussNewton
from eigenlm.curvature.gradient_flow import gradient_flow
from eigenlm.curvature.kfac import Ekfac, Kfac, ekfac, kfac
from eigenlm.curvature.objective import next_token
from eigenlm.model import (
    DenseFeedForward,
    NormConfig,
    RotaryConfig,
    SoftmaxConfig,
    Transformer,
    TransformerConfig,
)
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.windows import token_windows

CHARACTERS = 40
SMALL = TransformerConfig.uniform(
    vocab_size=CHARACTERS,
    context_length=32,
    d_model=12,
    num_layers=2,
    attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=6),
    feed_forward=DenseFeedForward(d_ff=20, activation="silu", gated=True, bias=False),
    norm=NormConfig(kind="rms"),
    rotary=RotaryConfig(),
)
MODEL, MIDDLE = "smollm2-135m-instruct", "blocks.15."


def characters() -> torch.Tensor:
    """Python's documentation as ids of its most frequent characters, without the rest."""
    text = "".join(document.text for document in python_documentation())
    frequent = sorted(set(text), key=lambda c: -text.count(c))[:CHARACTERS]
    place = {c: i for i, c in enumerate(frequent)}
    return torch.tensor([place[c] for c in text if c in place])


def trained(steps: int, ids: torch.Tensor) -> Transformer:
    """The small model after some steps of AdamW."""
    torch.manual_seed(0)
    model = Transformer(SMALL).double()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(steps):
        starts = torch.randint(0, len(ids) - 33, (16,))
        x = torch.stack([ids[start : start + 33] for start in starts])
        loss = F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def sizes_of(model: torch.nn.Module) -> dict[str, int]:
    """Parameters' sizes in their order."""
    return {name: parameter.numel() for name, parameter in model.named_parameters()}


def exact(
    G: torch.Tensor, sizes: Mapping[str, int], kinds: Mapping[str, Mapping[str, BlockApproximation]]
) -> dict[str, Any]:
    """Errors from the dense matrix, entry by entry."""
    ends = dict(zip(sizes, torch.tensor(list(sizes.values())).cumsum(0).tolist()))
    blocks = {name: G[end - sizes[name] : end, end - sizes[name] : end] for name, end in ends.items()}
    kept = sum(float(block.square().sum()) for block in blocks.values())
    errors = {name: {kind: relative(dense(K), blocks[name]) for kind, K in of.items()} for name, of in kinds.items()}
    return {"block_diagonal_error": (1 - kept / float(G.square().sum())) ** 0.5, "errors": errors}


def dense(K: BlockApproximation | GaussNewton) -> torch.Tensor:
    """All entries."""
    return torch.stack([K @ e for e in torch.eye(K.n, dtype=K.dtype)])


def relative(K: torch.Tensor, B: torch.Tensor) -> float:
    """||K - B||_F / ||B||_F."""
    return float(torch.linalg.norm(K - B) / torch.linalg.norm(B))


def estimated(blocks: Blocks) -> dict[str, Any]:
    """Errors from draws."""
    errors = {
        name: {kind: asdict(fit.error) for kind, fit in block.agreements.items()}
        for name, block in blocks.blocks.items()
        if block.agreements
    }
    return {"block_diagonal_error": asdict(blocks.block_diagonal_error), "errors": errors}


def both(kfacs: Mapping[str, Kfac], ekfacs: Mapping[str, Ekfac]) -> dict[str, dict[str, BlockApproximation]]:
    """The two approximations side by side."""
    return {name: {"kfac": K} | ({"ekfac": ekfacs[name]} if name in ekfacs else {}) for name, K in kfacs.items()}


def small(steps: int, groups: int, ids: torch.Tensor) -> dict[str, Any]:
    """Dense truth and estimates on 4 windows of 32 characters."""
    model, windows = trained(steps, ids), ids[: 4 * 33].view(4, 33)
    objective, sizes = next_token(model, windows), sizes_of(model)
    G = GaussNewton(objective)
    factors = kfac(model, windows[:, :-1], draws=32)
    kinds = both(factors, ekfac(G, sizes, factors, draws=256))
    with torch.no_grad():
        loss = sum(float(term()) for term in objective.terms())
    return {
        "steps": steps,
        "loss": loss,
        "parameters": G.n,
        "exact": exact(dense(G), sizes, kinds),
        "estimated": estimated(blocks_of(G, sizes, kinds, groups=groups, seed=1)),
    }


def large(lm: eigenlm.LanguageModel, windows: torch.Tensor, groups: int, probes: int) -> dict[str, Any]:
    """All matrices by draws, those of one block by products as well."""
    sizes, start = sizes_of(lm.model), time.perf_counter()
    factors = kfac(lm.model, windows[:, :-1], draws=2)
    G = GaussNewton(next_token(lm.model, windows))
    chosen = {name: K for name, K in factors.items() if name.startswith(MIDDLE)}
    ekfacs = ekfac(G, sizes, chosen, draws=16, seed=2)
    middle = time.perf_counter()
    blocks = blocks_of(G, sizes, both(factors, ekfacs), groups=groups, seed=1)
    end = time.perf_counter()
    del G
    found = estimated(blocks)
    values = [of["kfac"]["value"] for of in found["errors"].values()]
    by_products = {}
    for name, K in chosen.items():
        B = GaussNewton(next_token(lm.model, windows), [name])
        fits = {"kfac": compare(K, B, probes=probes), "ekfac": compare(ekfacs[name], B, probes=probes)}
        by_products[name] = {kind: asdict(fit) for kind, fit in fits.items()}
        print(name, {kind: round(fit.error.value, 3) for kind, fit in fits.items()}, flush=True)
    return found | {
        "kfac_error_quartiles": statistics.quantiles(values),
        "by_products": by_products,
        "seconds": {
            "factors": middle - start,
            "all blocks by draws": end - middle,
            "one layer by products": time.perf_counter() - end,
        },
    }


def main() -> None:
    """Fill the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--probes", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    ids = characters()
    smalls = [small(steps, 4 * arguments.groups, ids) for steps in (0, arguments.steps)]
    for row in smalls:
        print(row["steps"], round(row["loss"], 3), row["exact"]["block_diagonal_error"], flush=True)
    lm = eigenlm.load(MODEL, device="cpu")
    windows = token_windows((document.text for document in python_documentation()[:40]), lm.tokenizer, 128)[:2]
    start = time.perf_counter()
    flow = gradient_flow(lm.model, windows[:1, :-1], next_token(lm.model, windows[:1]).terms()[0])
    print(flow.explanation, flush=True)
    record(
        "kfac",
        {
            "what": "||K - B||_F / ||B||_F of KFAC and EKFAC against Gauss-Newton blocks; gains of layers",
            "small": smalls,
            "flow": asdict(flow) | {"seconds": time.perf_counter() - start},
            MODEL: large(lm, windows, arguments.groups, arguments.probes),
        },
    )


if __name__ == "__main__":
    main()
