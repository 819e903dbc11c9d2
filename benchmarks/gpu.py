"""What a GPU gives, beside the processor of the same machine; needs nothing but this checkout, and at most 8 minutes.

python benchmarks/gpu.py [--device cuda] [--tokens 64] [--write]

Logits and greedy text of every form of layer against the processor; tokens a second alone and in a session of 8;
a training step in bfloat16 with its share of the device's rate of products; a run stopped and resumed; the same under
FSDP on one rank; singular values and eigenpairs. With `--device cpu` it tries itself out.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from record import record

from eigenlm import linalg
from eigenlm.attention import RelativeBiasConfig
from eigenlm.curvature import hessian, next_token
from eigenlm.engine import Runner, Session, generate
from eigenlm.linalg.eigenpairs import eigenpairs
from eigenlm.machine.facts import product_rate
from eigenlm.model import (
    DenseFeedForward,
    EmbeddingConfig,
    LayerConfig,
    MixtureConfig,
    NormConfig,
    RotaryConfig,
    SlidingWindowConfig,
    SoftmaxConfig,
    Transformer,
    TransformerConfig,
    VocabularyHead,
)

ROOT = Path(__file__).resolve().parents[1]
V, D = 512, 128
SIZES: dict[str, Any] = {"vocab_size": V, "context_length": 256, "d_model": D, "num_layers": 3}
HEADS: dict[str, Any] = {"num_heads": 4, "num_kv_heads": 2, "head_dim": 32}
RMS = NormConfig(kind="rms")
GATED = DenseFeedForward(d_ff=256, activation="silu", gated=True, bias=False)
GELU = DenseFeedForward(d_ff=256, activation="gelu_tanh")


def forms() -> dict[str, TransformerConfig]:
    """A small decoder of each form that families have."""
    softmax, uniform = SoftmaxConfig(**HEADS), TransformerConfig.uniform
    parallel = LayerConfig(attention=SoftmaxConfig(**HEADS, rotary=RotaryConfig(width=16)), feed_forward=GELU)
    capped = SoftmaxConfig(**HEADS, softcap=30.0, rotary=RotaryConfig())
    sunk = SlidingWindowConfig(**HEADS, sinks=True, window=8, rotary=RotaryConfig())
    biased = SoftmaxConfig(**HEADS, scale=1.0, relative_bias=RelativeBiasConfig())
    gemma = LayerConfig(attention=capped, feed_forward=GATED, norm=RMS, norm_position="sandwich")
    experts = MixtureConfig(num_experts=4, top_k=2, d_ff=128)
    return {
        "gpt2": uniform(**SIZES, attention=softmax, feed_forward=GELU),
        "llama": uniform(**SIZES, attention=softmax, feed_forward=GATED, norm=RMS, rotary=RotaryConfig()),
        "gpt-neox": TransformerConfig(**SIZES, pattern=(dataclasses.replace(parallel, parallel="two_norms"),)),
        "gemma2": TransformerConfig(
            **SIZES,
            pattern=(gemma, dataclasses.replace(gemma, attention=sunk)),
            norm=RMS,
            embedding=EmbeddingConfig(scale=D**0.5),
            head=VocabularyHead(softcap=20.0),
        ),
        "gpt-oss": uniform(**SIZES, attention=sunk, feed_forward=experts, norm=RMS),
        "t5 decoder": uniform(**SIZES, attention=biased, feed_forward=GATED, norm=RMS),
    }


def built(config: TransformerConfig) -> Transformer:
    """A model with numbers large enough for its words to differ."""
    torch.manual_seed(0)
    model = Transformer(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


@torch.no_grad()
def against_the_processor(device: str, tokens: int) -> dict[str, Any]:
    """Largest relative difference of logits, and whether greedy text is the same."""
    ids = torch.randint(V, (2, 100), generator=torch.Generator().manual_seed(0))
    found = {}
    for name, config in forms().items():
        model = built(config)
        want, text = model(ids), list(generate(model, [[1, 2, 3]], max_tokens=tokens))
        model.to(device)
        got, other = model(ids.to(device)).cpu(), list(generate(model, [[1, 2, 3]], max_tokens=tokens))
        found[name] = {"relative difference": float((got - want).norm() / want.norm()), "same text": text == other}
    return found


def llama(layers: int, width: int) -> TransformerConfig:
    """A Llama of some size."""
    return TransformerConfig.uniform(
        vocab_size=32000,
        context_length=2048,
        d_model=width,
        num_layers=layers,
        attention=SoftmaxConfig(num_heads=width // 64, num_kv_heads=width // 128, head_dim=64),
        feed_forward=DenseFeedForward(d_ff=8 * width // 3 // 64 * 64, activation="silu", gated=True, bias=False),
        norm=RMS,
        rotary=RotaryConfig(),
    )


def timed(act: Callable[[], Any], device: str) -> float:
    """Seconds, the device's queue included."""
    act()
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    act()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def speed(device: str, layers: int, width: int, tokens: int) -> dict[str, float]:
    """Tokens a second alone and of 8 side by side, in bfloat16."""
    runner = Runner(Transformer(llama(layers, width)).to(device, torch.bfloat16).eval())

    def side_by_side() -> None:
        session = Session(runner)
        for number in range(8):
            session.admit(list(range(10 + 7 * number)), max_tokens=tokens)
        while session.active:
            session.step()

    alone = timed(lambda: list(generate(runner, [list(range(30))], max_tokens=tokens)), device)
    return {"alone": tokens / alone, "8 side by side": 8 * tokens / timed(side_by_side, device)}


def training(device: str, layers: int, width: int) -> dict[str, float]:
    """A step's seconds in bfloat16, forward and backward, and its share of the rate of square products."""
    model = Transformer(llama(layers, width)).to(device)
    model.activation_dtype = torch.bfloat16
    ids = torch.randint(32000, (4, 512), device=device)

    def step() -> None:
        logits_CV = model(ids)[:, :-1].flatten(0, 1).float()
        torch.nn.functional.cross_entropy(logits_CV, ids[:, 1:].flatten()).backward()
        model.zero_grad()

    seconds = timed(step, device)
    operations = 6 * sum(p.numel() for p in model.parameters()) * ids.numel()
    return {"seconds": seconds, "share": operations / seconds / product_rate(torch.bfloat16, torch.device(device))}


def runs(device: str) -> dict[str, Any]:
    """A run of 20 steps at once; another stopped after 10 and resumed; a third under FSDP on one rank."""
    words = [str(ROOT / "recipes" / "gpt_small.py"), "--depth", "2", "--text", str(ROOT / "README.md")]
    sets = ["schedule.warmup=2", "train.save_every=10", "train.sample_every=0", "train.eval_every=20"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    alone, ranks = ["-m", "eigenlm"], ["-m", "torch.distributed.run", "--nproc-per-node=1", "-m", "eigenlm"]

    def last_loss(folder: Path, start: list[str], *more: str) -> float:
        command = [sys.executable, *start, "train", *words, "--out", str(folder), "--set", *sets, *more]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        return next(line["loss"] for line in reversed(lines) if "loss" in line)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = last_loss(folder / "whole", alone, "train.steps=20")
        again = last_loss(folder / "whole", alone, "train.steps=20")
        sharded = last_loss(folder / "sharded", ranks, "train.steps=20", "layout.data=fsdp")
    return {"device": device, "loss": whole, "the finished run asked again": again, "fsdp on one rank": sharded}


def matrices(device: str) -> dict[str, float]:
    """Singular values and Hessian eigenpairs on the device against float64 on the processor."""
    W = torch.randn(1024, 768, generator=torch.Generator().manual_seed(0))
    values = linalg.singular_values(W.to(device)).double().cpu()
    truth = torch.linalg.svdvals(W.double())
    model = built(forms()["llama"]).to(device)
    ids = torch.randint(V, (2, 64), generator=torch.Generator().manual_seed(0)).to(device)
    pairs = eigenpairs(hessian(next_token(model, ids)), 3)
    return {
        "singular values, relative": float(((values - truth) / truth).abs().max()),
        "largest residual of 3 eigenpairs": float(max(r / abs(v) for r, v in zip(pairs.residuals, pairs.values))),
    }


def main() -> None:
    """Try all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--write", action="store_true", help="write results/gpu.json; without it figures are printed")
    arguments = parser.parse_args()
    device, large = arguments.device, arguments.device == "cuda"
    layers, width = (16, 2048) if large else (2, 128)
    figures: dict[str, Any] = {"device": torch.cuda.get_device_name() if large else "cpu"}
    for name, measure in {
        "against the processor": lambda: against_the_processor(device, arguments.tokens),
        "tokens a second, bfloat16": lambda: speed(device, layers, width, arguments.tokens),
        "a training step, bfloat16": lambda: training(device, layers, width),
        "runs": lambda: runs(device),
        "matrices": lambda: matrices(device),
    }.items():
        figures[name] = measure()
        print(name, json.dumps(figures[name]), flush=True)
    if arguments.write:
        record("gpu", figures)


if __name__ == "__main__":
    main()
