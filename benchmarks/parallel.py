"""Layouts against one process, snapshots from layout to layout, and ranks killed under torchrun.

`python benchmarks/parallel.py` starts itself again, under torchrun, for each part.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import torch
import torch.nn.functional as F
from record import record, spread
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from eigenlm.machine.processes import Ranks, join_ranks
from eigenlm.model import (
    DenseFeedForward,
    NormConfig,
    RotaryConfig,
    SoftmaxConfig,
    Transformer,
    TransformerConfig,
)
from eigenlm.training.parallel import clip_gradients_, one_mesh_a_group, parallelize_
from eigenlm.training.recipe import LayoutRecipe
from eigenlm.training.snapshot_files import load_model_and_optimizer_, model_and_optimizer_tensors, save_state

STEPS, BATCH, LENGTH, VOCABULARY, KILLS = 50, 8, 64, 512, 10
ROOT = Path(__file__).parent.parent
KILLED = {
    "model.num_layers": 2,
    "model.context_length": 64,
    "tokenizer.vocab_size": 300,
    "layout.data": "fsdp",
    "train.steps": 100000,
    "train.batch_size": 4,
    "train.precision": "float32",
    "train.save_every": 20,
    "train.eval_every": 100000,
    "train.sample_every": 0,
}
LAYOUTS = {
    "ddp": LayoutRecipe(data="ddp"),
    "fsdp": LayoutRecipe(data="fsdp"),
    "tensor": LayoutRecipe(tensor=2),
}
LLAMA = TransformerConfig.uniform(
    vocab_size=VOCABULARY,
    context_length=LENGTH,
    d_model=128,
    num_layers=4,
    attention=SoftmaxConfig(num_heads=4, num_kv_heads=2, head_dim=32, query_key_norm="head"),
    feed_forward=DenseFeedForward(d_ff=344, activation="silu", gated=True, bias=False),
    norm=NormConfig(kind="rms"),
    rotary=RotaryConfig(),
)


class SummedLoss(nn.Module):
    """The sum of the losses over the targets of a batch; -100 marks none."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """One number."""
        logits = self.model.logits(self.model.hidden(ids))
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return losses.double().sum()  # a float32 sum of 500 would add a rounding of its own: 5e-7 of the mean


class Training:
    """A model, its optimizer, and steps on texts that are a function of the step alone."""

    def __init__(self, layout: LayoutRecipe, ranks: Ranks, dtype: torch.dtype = torch.float32) -> None:
        torch.manual_seed(0)
        self.ranks = ranks
        self.model = Transformer(LLAMA).to(dtype)
        self.module = parallelize_(SummedLoss(self.model), layout, ranks)
        groups = one_mesh_a_group([{"params": list(self.model.parameters())}])
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, fused=True)

    def step(self, number: int) -> float:
        """Train on the batch of this number; the mean loss over all its targets, before."""
        ids, targets = batch(number)
        count = int((targets >= 0).sum())
        share = BATCH // self.ranks.data_size
        mine = slice(self.ranks.data_rank * share, (self.ranks.data_rank + 1) * share)
        loss = self.module(ids[mine], targets[mine])
        (loss * self.ranks.data_size / count).backward()
        clip_gradients_(self.model.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (number + 1) / 20)  # the warm-up of a recipe
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(self.ranks.sum(loss.detach())) / count

    def digest(self) -> str:
        """sha256 of all parameters and moments, however they lie on the ranks."""
        tensors = model_and_optimizer_tensors(self.model, self.optimizer)
        total = hashlib.sha256()
        for name in sorted(tensors):
            tensor = tensors[name]
            whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            total.update(name.encode() + whole.detach().contiguous().numpy().tobytes())
        return total.hexdigest()


def batch(number: int) -> tuple[Tensor, Tensor]:
    """Texts that can be learned (each token follows from the one before, or is noise), with uneven targets."""
    generator = torch.Generator().manual_seed(number)
    ids = torch.randint(0, VOCABULARY, (BATCH, 1), generator=generator)
    rows = [ids]
    for _ in range(LENGTH):
        noise = torch.randint(0, 4, (BATCH, 1), generator=generator)
        rows.append((rows[-1] * 5 + noise) % VOCABULARY)
    text = torch.cat(rows, dim=1)
    targets = text[:, 1:].clone()
    targets[0, : LENGTH // 2] = -100
    return text[:, :-1], targets


def train(name: str, dtype: str, out: Path) -> None:
    """Worker: the losses of a layout."""
    layout = LAYOUTS.get(name, LayoutRecipe())
    with join_ranks(tensor=layout.tensor) as ranks:
        training = Training(layout, ranks, getattr(torch, dtype))
        losses = [training.step(number) for number in range(STEPS)]
        if ranks.is_first:
            out.write_text(json.dumps(losses))


def reshard(name: str, source: str, target: str) -> None:
    """Worker: read a snapshot (or train five steps), write it again, say the digest of what was in memory."""
    layout = LAYOUTS.get(name, LayoutRecipe())
    with join_ranks(tensor=layout.tensor) as ranks:
        training = Training(layout, ranks)
        if source == "new":
            for number in range(5):
                training.step(number)
        else:
            load_model_and_optimizer_(Path(source), training.model, training.optimizer, ranks)
        start = time.perf_counter()
        save_state(Path(target), model_and_optimizer_tensors(training.model, training.optimizer), ranks)
        seconds, digest = time.perf_counter() - start, training.digest()
        if ranks.is_first:
            Path(target, "digest.json").write_text(json.dumps({"sha256": digest, "save_seconds": seconds}))


def kills() -> dict[str, Any]:
    """Kill one rank of `eigenlm train` after the other, and wait for the next step."""
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        text, run = Path(name) / "text.txt", Path(name) / "run"
        text.write_text("\n".join(f"{i} times {i % 97} is {i * (i % 97)}" for i in range(20000)))
        command = ["-m", "eigenlm", "train", str(ROOT / "recipes" / "gpt_small.py"), "--text", str(text)]
        settings = [f"{field}={value}" for field, value in KILLED.items()]
        job = under_torchrun(2, *command, "--out", str(run), "--set", *settings, restarts=2 * KILLS)
        wait_for(lambda: stepped_since(run, 0.0), job)
        for kill in range(KILLS):
            time.sleep(1 + 0.2 * kill)
            before = workers(job)
            killed = time.time()
            before[kill % 2].kill()
            wait_for(lambda before=before: not {w.pid for w in workers(job)} & {w.pid for w in before}, job)
            reborn = time.time()
            wait_for(lambda reborn=reborn: stepped_since(run, reborn), job)
            seconds.append(time.time() - killed)
        job.terminate()
        job.wait(timeout=60)
    return {"kills": KILLS, "recovered": len(seconds), "seconds_to_next_step": spread(seconds)}


def workers(job: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The ranks' processes, in the order they were started; none while they are dead."""
    children = psutil.Process(job.pid).children()
    return sorted((c for c in children if c.status() != psutil.STATUS_ZOMBIE), key=lambda c: c.create_time())


def stepped_since(run: Path, moment: float) -> bool:
    """Whether a line came to the log."""
    log = run / "log.jsonl"
    return log.exists() and log.stat().st_size > 0 and log.stat().st_mtime > moment


def wait_for(condition: Any, job: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Poll until it holds."""
    deadline = time.time() + seconds
    while not condition():
        if job.poll() is not None or time.time() > deadline:
            job.kill()
            raise SystemExit("the job ended, or hung")
        time.sleep(0.01)


def under_torchrun(ranks: int, *arguments: str, restarts: int = 0) -> subprocess.Popen[bytes]:
    """Start a program on many ranks."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*torchrun, f"--max-restarts={restarts}", *arguments], env=environment)


def losses_of(name: str, ranks: int, dtype: str) -> list[float]:
    """Of 50 steps."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "losses.json"
        if under_torchrun(ranks, __file__, "train", name, dtype, str(out)).wait() != 0:
            raise SystemExit(f"{name} failed")
        return json.loads(out.read_text())


def layouts() -> dict[str, Any]:
    """Each layout on 2 ranks against one process; in float64 too, where rounding cannot hide a mistake."""
    figures: dict[str, Any] = {"steps": STEPS}
    for dtype in ("float32", "float64"):
        truth = losses_of("one", 1, dtype)
        figures[dtype] = {"first_loss": truth[0], "last_loss": truth[-1]}
        for name in LAYOUTS:
            differences = [abs(a - b) for a, b in zip(losses_of(name, 2, dtype), truth, strict=True)]
            figures[dtype][name] = {"max_loss_difference": max(differences)}
    return figures


def resharded() -> dict[str, Any]:
    """2 ranks -> 1 -> 2 -> tensor parallel -> copies."""
    chain = [("fsdp", 2), ("one", 1), ("fsdp", 2), ("tensor", 2), ("ddp", 2), ("one", 1)]
    digests, source = [], "new"
    with tempfile.TemporaryDirectory() as folder:
        for i, (name, ranks) in enumerate(chain):
            target = Path(folder) / str(i)
            target.mkdir()
            if under_torchrun(ranks, __file__, "reshard", name, source, str(target)).wait() != 0:
                raise SystemExit(f"{name} failed")
            digests.append(json.loads((target / "digest.json").read_text()))
            source = str(target)
    equal = len({digest["sha256"] for digest in digests}) == 1
    return {
        "chain": [f"{name} on {ranks}" for name, ranks in chain],
        "bit_equal": equal,
        "save_seconds": spread([digest["save_seconds"] for digest in digests]),
    }


def main() -> None:
    """All parts, or one as a worker."""
    match sys.argv[1:]:
        case ["train", name, dtype, out]:
            train(name, dtype, Path(out))
        case ["reshard", name, source, target]:
            reshard(name, source, target)
        case _:
            record("parallel", {"layouts": layouts(), "reshard": resharded(), "killed_ranks": kills()})


if __name__ == "__main__":
    main()
