"""Top-10 eigenpairs of Hessian and Gauss-Newton matrix: time, peak memory and certified residuals, beside two peers.

python benchmarks/curvature.py --python PYTHON [--text wikitext2.valid.txt] [--models smollm2,gpt] [--limit 1800]

PYTHON has eigenlm, hessian-eigenthings 1.0.0a5 and curvlinops-for-pytorch 3.0.1. All get the same module, loss and
batch, each run in a fresh process. hessian-eigenthings takes a number of steps and no residual: it gets the fewest of
STEPS that reach the residual asked for, and only that run's time counts; a run whose basis cannot fit is not started.
Every pair is certified by one product of ours, after the peer's time and memory were taken.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
import torch.nn.functional as F
from record import peak_mib, record
from torch import Tensor, nn

import eigenlm
from eigenlm.curvature import CrossEntropy, GaussNewton, Objective, ObjectivePart, hessian, next_token
from eigenlm.linalg.eigenpairs import eigenpairs
from eigenlm.linalg.inner_product import inner_product, length
from eigenlm.linalg.symmetric_operator import SymmetricOperator
from eigenlm.model import DenseFeedForward, NormConfig, RotaryConfig, SoftmaxConfig, Transformer, TransformerConfig
from eigenlm.text.python_documentation import python_documentation

COUNT, ROWS, TOKENS, THREADS = 10, 2, 128, 2
STEPS = (20, 26, 32, 40, 50, 65, 80, 100, 130, 160, 200)
BASIS = {"hessian": 15, "gauss-newton": 40}  # of SmolLM2: vectors of 134.5M and of 12.5M numbers
PEERS = ("hessian-eigenthings", "curvlinops + ARPACK")


class Flat(nn.Module):
    """Logits of all places as rows, the form that all peers take."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) to (B T, V)."""
        return self.model(ids).flatten(0, 1)


def main() -> None:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python")
    parser.add_argument("--text")
    parser.add_argument("--models", default="gpt,smollm2")
    parser.add_argument("--residual", type=float, default=1e-3)
    parser.add_argument("--limit", type=float, default=1800)
    parser.add_argument("--arpack", default="gpt", help="models that ARPACK is run on: of smollm2 it takes 19 GB")
    parser.add_argument("--child", nargs=4, metavar=("MODEL", "METHOD", "MATRIX", "STEPS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        model, method, matrix, steps = asked.child
        print(json.dumps(one_run(model, method, matrix, int(steps), asked)))
        return
    python = shutil.which(asked.python or "")
    if python is None:
        parser.error("--python is needed: an interpreter that has eigenlm, hessian-eigenthings and curvlinops")
    figures: dict[str, Any] = {"pairs": COUNT, "batch": [ROWS, TOKENS], "residual_asked": asked.residual}
    for model in asked.models.split(","):
        figures[model] = {matrix: compared(python, model, matrix, asked) for matrix in BASIS}
    figures["dense_float64"] = against_dense()
    text = [] if asked.text is None else ["--text", Path(asked.text).name]
    sys.argv[1:] = ["--python", "PYTHON", *text, "--models", asked.models, "--limit", str(asked.limit)]
    sys.argv += ["--arpack", asked.arpack]
    record("curvature", figures)


def compared(python: str, model: str, matrix: str, asked: argparse.Namespace) -> dict[str, Any]:
    """All methods on one matrix of one model."""
    found = {"eigenlm": child(python, (model, "eigenlm", matrix, 0), asked)}
    found["hessian-eigenthings"] = first_that_reaches(python, model, matrix, asked)
    if model in asked.arpack.split(","):
        found["curvlinops + ARPACK"] = child(python, (model, "curvlinops + ARPACK", matrix, 2 * COUNT + 1), asked)
    for method, run in found.items():
        print(model, matrix, method, {name: value for name, value in run.items() if name != "values"}, flush=True)
    ours = found["eigenlm"].get("seconds")
    for method, run in found.items():
        if method != "eigenlm" and ours and run.get("largest_residual", 1) <= 1.05 * asked.residual:
            run["times_slower"] = run["seconds"] / ours
    return found


def first_that_reaches(python: str, model: str, matrix: str, asked: argparse.Namespace) -> dict[str, Any]:
    """The peer's run with the fewest steps that certify, or the last one that ran with what then stopped it."""
    last: dict[str, Any] = {}
    for steps in STEPS:
        run = child(python, (model, "hessian-eigenthings", matrix, steps), asked)
        if "seconds" not in run:
            return last | run
        last = run | {"steps": steps}
        if run["largest_residual"] <= asked.residual:
            break
    return last


def child(python: str, what: tuple[str, str, str, int], asked: argparse.Namespace) -> dict[str, Any]:
    """One run in a process of its own with two threads, and for small models with one as well; the faster counts."""
    runs = []
    for threads in (THREADS,) if what[0] == "smollm2" else (1, THREADS):
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        command = [python, __file__, "--child", *map(str, what), "--residual", str(asked.residual)]
        command += [] if asked.text is None else ["--text", asked.text]
        try:
            done = subprocess.run(command, env=os.environ | limits, stdout=subprocess.PIPE, timeout=asked.limit)
        except subprocess.TimeoutExpired:
            runs.append({"stopped": f"ran longer than {asked.limit:g} s"})
            continue
        failed = {"stopped": f"ended with code {done.returncode}"}
        runs.append(failed if done.returncode else json.loads(done.stdout.splitlines()[-1]) | {"threads": threads})
    return min(runs, key=lambda run: run.get("seconds", float("inf")))


def one_run(model: str, method: str, matrix: str, steps: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Eigenpairs by one method, then their certificate."""
    module, ids = problem(model, asked.text)
    needed = (steps + COUNT + 4) * sum(p.numel() for p in module.parameters()) * 4
    if needed > 0.9 * psutil.virtual_memory().available:
        return {"stopped": f"its {steps} vectors, {COUNT} results and four more need {needed / 2**30:.1f} GiB"}
    start = time.perf_counter()
    if method == "eigenlm":
        found = eigenpairs(
            operator(module, ids, matrix),
            COUNT,
            rel_residual=asked.residual,
            basis_size=BASIS[matrix] if model == "smollm2" else None,
        )
        return cost(start) | {
            "products": found.products,
            "largest_residual": float(found.rel_residuals.max()),
            "values": found.values.tolist(),
        }
    vectors = {PEERS[0]: eigenthings, PEERS[1]: arpack}[method](module, ids, matrix, steps, asked.residual)
    spent = cost(start)
    A = operator(module, ids, matrix)
    certified = [certificate(A, vectors(i)) for i in range(COUNT)]
    return spent | {
        "largest_residual": max(residual for _, residual in certified),
        "values": sorted((value for value, _ in certified), reverse=True),
    }


def problem(model: str, text: str | None) -> tuple[Flat, Tensor]:
    """The module and 2 x 128 tokens."""
    lm = eigenlm.load("smollm2-135m-instruct")
    ids = torch.tensor(lm.tokenizer.encode(words(text)[:20_000])[: ROWS * TOKENS]).view(ROWS, TOKENS)
    if model == "smollm2":
        return Flat(lm.model).eval(), ids
    torch.manual_seed(0)
    attention = SoftmaxConfig(num_heads=4, num_kv_heads=4, head_dim=32)
    config = TransformerConfig.uniform(
        vocab_size=2048,
        context_length=TOKENS,
        d_model=128,
        num_layers=4,
        attention=attention,
        feed_forward=DenseFeedForward(d_ff=512, activation="gelu_tanh"),
    )
    return Flat(Transformer(config)).eval(), ids % 2048


def words(text: str | None) -> str:
    """The text given, or the documentation of Python's own library."""
    if text is not None:
        return Path(text).read_text(encoding="utf-8")
    return "\n\n".join(document.text for document in python_documentation())


def operator(module: Flat, ids: Tensor, matrix: str) -> SymmetricOperator:
    """Ours, for results and certificates alike."""
    part = ObjectivePart(inputs=ids[:, :-1], target=ids[:, 1:].flatten())
    objective = Objective(module=module, loss=CrossEntropy(), parts=[part])
    return hessian(objective) if matrix == "hessian" else GaussNewton(objective)


def certificate(A: SymmetricOperator, x: Tensor) -> tuple[float, float]:
    """The Rayleigh quotient of a vector, and its residual relative to that."""
    x = x / length(x)
    Ax = A @ x
    value = inner_product(Ax, x)
    return value, length(Ax - value * x) / abs(value)


def eigenthings(module: Flat, ids: Tensor, matrix: str, steps: int, residual: float) -> Callable[[int], Tensor]:
    """hessian-eigenthings' Lanczos with all its steps orthogonalised, as its documentation advises."""
    from hessian_eigenthings.algorithms.lanczos import lanczos
    from hessian_eigenthings.loss_fns import standard
    from hessian_eigenthings.operators.ggn import GGNOperator
    from hessian_eigenthings.operators.hessian import HessianOperator

    batch = [(ids[:, :-1], ids[:, 1:].flatten())]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        if matrix == "hessian":
            A = HessianOperator(module, batch, standard.supervised_loss(F.cross_entropy))
        else:
            loss = standard.supervised_loss_of_output(F.cross_entropy)
            A = GGNOperator(module, batch, standard.supervised_forward, loss)
        found = lanczos(A, k=COUNT, max_iter=steps, tol=residual, reorthogonalize=True, which="LA", seed=0)
    return lambda i: found.eigenvectors[i]


def arpack(module: Flat, ids: Tensor, matrix: str, steps: int, residual: float) -> Callable[[int], Tensor]:
    """SciPy's ARPACK on curvlinops' operators, with ARPACK's own number of vectors."""
    from curvlinops import GGNLinearOperator, HessianLinearOperator
    from scipy.sparse.linalg import eigsh

    build = HessianLinearOperator if matrix == "hessian" else GGNLinearOperator
    parameters = list(module.parameters())
    data = [(ids[:, :-1], ids[:, 1:].flatten())]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        A = build(module, nn.CrossEntropyLoss(), parameters, data, check_deterministic=False)
        _, vectors = eigsh(A.to_scipy(), k=COUNT, which="LA", tol=residual, ncv=steps)
    return lambda i: torch.from_numpy(vectors[:, i].copy())


def cost(start: float) -> dict[str, float]:
    """Seconds since `start`, and the most memory the process ever had."""
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_gib": peak_mib() / 1024}


def against_dense() -> dict[str, float]:
    """Both ends of eight small transformers in float64: the largest error relative to the largest eigenvalue."""
    worst = {"hessian": 0.0, "gauss-newton": 0.0}
    sizes = []
    for seed in range(8):
        model = small(seed)
        ids = torch.randint(0, 7, (3, 7))
        for matrix, A in (
            ("hessian", hessian(next_token(model, ids))),
            ("gauss-newton", GaussNewton(next_token(model, ids))),
        ):
            dense = by_torch_func(model, ids, matrix)
            truth = torch.linalg.eigvalsh(dense).flip(0)
            which = "both" if matrix == "hessian" else "largest"
            found = eigenpairs(A, COUNT, which, rel_residual=1e-7).values
            expected = torch.cat([truth[:COUNT], truth[-COUNT:]]) if which == "both" else truth[:COUNT]
            worst[matrix] = max(worst[matrix], float(((found - expected) / expected).abs().max()))
        sizes.append(len(truth))
    return {"models": len(sizes), "fewest_parameters": min(sizes), "most_parameters": max(sizes), **worst}


def small(seed: int) -> Transformer:
    """GPT-2's or Llama's form, one or two blocks, moved away from the initial point."""
    torch.manual_seed(seed)
    llama = seed % 2 == 1
    config = TransformerConfig.uniform(
        vocab_size=7,
        context_length=8,
        d_model=4 + 2 * (seed // 4),
        num_layers=1 + seed // 2 % 2,
        attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=2),
        feed_forward=DenseFeedForward(d_ff=8, activation="silu" if llama else "gelu_tanh", gated=llama, bias=not llama),
        norm=NormConfig(kind="rms" if llama else "layer"),
        rotary=RotaryConfig() if llama else None,
    )
    model = Transformer(config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def by_torch_func(model: Transformer, ids: Tensor, matrix: str) -> Tensor:
    """Every entry, by torch's own functions."""
    names, shapes = zip(*[(name, p.shape) for name, p in model.named_parameters()])
    w = torch.cat([p.detach().flatten() for p in model.parameters()])

    def logits(w: Tensor) -> Tensor:
        pieces = w.split([shape.numel() for shape in shapes])
        weights = {name: piece.view(shape) for name, piece, shape in zip(names, pieces, shapes)}
        return torch.func.functional_call(model, weights, (ids[:, :-1],)).flatten(0, 1)

    def loss(z: Tensor) -> Tensor:
        return F.cross_entropy(z, ids[:, 1:].flatten())

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        if matrix == "hessian":
            return torch.autograd.functional.hessian(lambda w: loss(logits(w)), w)
        z = logits(w).detach()
        J = torch.autograd.functional.jacobian(logits, w).flatten(0, 1)
        return J.mT @ torch.autograd.functional.hessian(loss, z).view(len(J), len(J)) @ J


if __name__ == "__main__":
    main()
