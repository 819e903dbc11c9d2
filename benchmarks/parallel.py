"""Layouts against one process, snapshots from layout to layout, and ranks killed under torchrun.

`python benchmarks/parallel.py` starts itself again, under torchrun, for each part.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from record import record, spread
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from eigenlm.files import whole_folder
from eigenlm.model import AttentionConfig, FeedForwardConfig, NormConfig, PositionConfig, Transformer, TransformerConfig
from eigenlm.train.parallel import clip_gradients_, one_mesh_a_group, parallelize_
from eigenlm.train.ranks import Ranks, join_ranks
from eigenlm.train.recipe import LayoutRecipe
from eigenlm.train.snapshot_files import load_model_and_optimizer_, model_and_optimizer_tensors, save_state

STEPS, BATCH, LENGTH, VOCABULARY, KILLS = 50, 8, 64, 512, 10
LAYOUTS = {
    "ddp": LayoutRecipe(data="ddp"),
    "fsdp": LayoutRecipe(data="fsdp"),
    "tensor": LayoutRecipe(tensor=2),
}
LLAMA = TransformerConfig(
    vocab_size=VOCABULARY,
    context_length=LENGTH,
    d_model=128,
    num_layers=4,
    attention=AttentionConfig(num_heads=4, num_kv_heads=2, head_dim=32, query_key_norm=True),
    feed_forward=FeedForwardConfig(d_ff=344, activation="swiglu", bias=False),
    norm=NormConfig(kind="rms"),
    positions=PositionConfig(kind="rotary"),
)


class SummedLoss(nn.Module):
    """The sum of the losses over the targets of a batch; -100 marks none."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """One number."""
        logits = self.model.logits(self.model.hidden(ids))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


class Training:
    """A model, its optimizer, and steps on texts that are a function of the step alone."""

    def __init__(self, layout: LayoutRecipe, ranks: Ranks) -> None:
        torch.manual_seed(0)
        self.ranks = ranks
        self.model = Transformer(LLAMA)
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


def train(name: str, out: Path) -> None:
    """Worker: the losses of a layout."""
    layout = LAYOUTS.get(name, LayoutRecipe())
    with join_ranks(tensor=layout.tensor) as ranks:
        training = Training(layout, ranks)
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


def endless(folder: Path) -> None:
    """Worker: train with FSDP2, save each tenth step, say each step and every rank's process, until `stop` is there."""
    with join_ranks() as ranks, open(folder / "steps.jsonl", "a", buffering=1) as said:
        training = Training(LAYOUTS["fsdp"], ranks)
        saved = sorted(folder.glob("step-*"))
        number = int(saved[-1].name.removeprefix("step-")) if saved else 0
        if saved:
            load_model_and_optimizer_(saved[-1], training.model, training.optimizer, ranks)
        processes = ranks.gather(os.getpid())
        while not ranks.broadcast((folder / "stop").exists()):
            loss = training.step(number)
            number += 1
            if number % 10 == 0:
                save(folder / f"step-{number:06d}", training, ranks)
            if ranks.is_first:
                said.write(json.dumps({"step": number, "time": time.time(), "loss": loss, "pids": processes}) + "\n")


def save(target: Path, training: Training, ranks: Ranks) -> None:
    """A whole folder, or none."""
    tensors = model_and_optimizer_tensors(training.model, training.optimizer)
    if not ranks.is_first:
        save_state(Path(ranks.broadcast(None)), tensors, ranks)
        return
    if not target.exists():
        with whole_folder(target) as folder:
            save_state(Path(ranks.broadcast(str(folder))), tensors, ranks)


def last_said(folder: Path) -> dict[str, Any]:
    """The last whole line of the worker's steps."""
    path = folder / "steps.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return json.loads(lines[-1]) if lines else {"time": 0.0, "step": 0, "pids": []}


def kills() -> dict[str, Any]:
    """Kill one rank after the other and wait for the next step."""
    seconds, lost = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = under_torchrun(2, "endless", name, restarts=2 * KILLS)
        for kill in range(KILLS):
            wait_for(lambda: last_said(folder)["time"] > time.time() - 0.5, job)
            time.sleep(0.3 + 0.1 * kill)
            before = last_said(folder)
            os.kill(before["pids"][kill % 2], signal.SIGKILL)
            killed = time.time()
            wait_for(lambda pids=before["pids"]: last_said(folder)["pids"] != pids, job)
            after = last_said(folder)
            seconds.append(after["time"] - killed)
            lost.append(before["step"] + 1 - after["step"])
        (folder / "stop").touch()
        end = job.wait(timeout=60)
    return {
        "kills": KILLS,
        "recovered": len(seconds),
        "seconds_to_next_step": spread(seconds),
        "steps_repeated": spread(lost),
        "exit_status": end,
    }


def wait_for(condition: Any, job: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Poll until it holds."""
    deadline = time.time() + seconds
    while not condition():
        if job.poll() is not None or time.time() > deadline:
            job.kill()
            raise SystemExit("the job ended, or hung")
        time.sleep(0.01)


def under_torchrun(ranks: int, *arguments: str, restarts: int = 0) -> subprocess.Popen[bytes]:
    """Start this file on many ranks."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*torchrun, f"--max-restarts={restarts}", __file__, *arguments], env=environment)


def losses_of(name: str, ranks: int) -> list[float]:
    """Of 50 steps."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "losses.json"
        if under_torchrun(ranks, "train", name, str(out)).wait() != 0:
            raise SystemExit(f"{name} failed")
        return json.loads(out.read_text())


def layouts() -> dict[str, Any]:
    """Each layout on 2 ranks against one process."""
    truth = losses_of("one", 1)
    figures: dict[str, Any] = {"steps": STEPS, "first_loss": truth[0], "last_loss": truth[-1]}
    for name in LAYOUTS:
        differences = [abs(a - b) for a, b in zip(losses_of(name, 2), truth, strict=True)]
        figures[name] = {"max_loss_difference": max(differences)}
    return figures


def resharded() -> dict[str, Any]:
    """2 ranks -> 1 -> 2 -> tensor parallel -> copies."""
    chain = [("fsdp", 2), ("one", 1), ("fsdp", 2), ("tensor", 2), ("ddp", 2), ("one", 1)]
    digests, source = [], "new"
    with tempfile.TemporaryDirectory() as folder:
        for i, (name, ranks) in enumerate(chain):
            target = Path(folder) / str(i)
            target.mkdir()
            if under_torchrun(ranks, "reshard", name, source, str(target)).wait() != 0:
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
        case ["train", name, out]:
            train(name, Path(out))
        case ["reshard", name, source, target]:
            reshard(name, source, target)
        case ["endless", folder]:
            endless(Path(folder))
        case _:
            record("parallel", {"layouts": layouts(), "reshard": resharded(), "killed_ranks": kills()})


if __name__ == "__main__":
    main()
