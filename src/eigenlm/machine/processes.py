"""The processes of a run: who this one is, and what all of them say together."""

import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.distributed_c10d import PrefixStore, ProcessGroup, Store
from torch.distributed.rendezvous import rendezvous

from eigenlm.errors import ConfigError, RankError, RankToldError, explain

_TO_MEET = timedelta(minutes=5)
"""How long ranks wait for the others at the start; a cold file system can make imports take minutes."""
_TO_ANSWER = timedelta(minutes=10)
"""How long tensors wait for those of other ranks. A killed peer closes its connections and is noticed at once, so that
this is only for a machine that vanished."""
_TO_WORK_ALONE = timedelta(days=1)
"""How long ranks wait for a word, while the first may be making shards of all text or the sums of a snapshot."""

_TO_LET_GO = 0.2
"""Seconds for gloo's threads to let go of the last tensors. They need Python for it, do so after the collective has
returned, and abort the process when Python is already gone: every other run of FSDP2 would end with status -6."""


@dataclass(frozen=True)
class Ranks:
    """One process among those of a run; by default the only one, with no process group at all.

    Attributes:
        rank: its number, 0 to `size` - 1.
        size: how many there are.
        device: where its tensors live.
        mesh: the ranks as a (data, tensor) rectangle; those in a row share each matrix and see the same texts. None
            for a single process.
        words: the group over which they talk, other than by tensors; None for a single process.

    What ranks do together they do in one order: a branch that holds a collective call is taken on the word of all
    (`any`), of the first (`broadcast`) or on what is the same on all by itself (the recipe, the step's number), and
    never on a number that this rank has reckoned.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    mesh: DeviceMesh | None = None
    words: ProcessGroup | None = None

    @property
    def is_first(self) -> bool:
        """Whether this one speaks for all."""
        return self.rank == 0

    @property
    def data_rank(self) -> int:
        """Which share of each batch is its own, 0 to `data_size` - 1."""
        return 0 if self.mesh is None else self.mesh.get_local_rank("data")

    @property
    def data_size(self) -> int:
        """How many shares each batch has."""
        return 1 if self.mesh is None else self.mesh["data"].size()

    def sum(self, x: Tensor) -> Tensor:
        """The sum of `x` over the shares of the batch, the same on every rank."""
        if self.mesh is None:
            return x
        total = x.detach().to(self.device, copy=True)
        dist.all_reduce(total, group=self.mesh.get_group("data"))
        return total.to(x.device)

    def mean(self, x: Tensor) -> Tensor:
        """The mean of `x` over the shares of the batch, the same on every rank."""
        return self.sum(x) / self.data_size

    def any(self, says: bool) -> bool:
        """Whether any rank says so, the same on every rank."""
        if self.mesh is None:
            return says
        votes = torch.tensor(float(says), device=self.device)
        dist.all_reduce(votes, op=dist.ReduceOp.MAX)
        return bool(votes)

    def barrier(self) -> None:
        """Wait until every rank is here."""
        if self.mesh is not None:
            dist.barrier(self.words)

    def broadcast(self, value: Any) -> Any:
        """The first rank's value, of JSON's types, on every rank."""
        return self.gather(value if self.is_first else None)[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, of JSON's types, in their order; sent as JSON, because no pickle is read."""
        if self.mesh is None:
            return [value]
        text = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        lengths = self._all(torch.tensor([len(text)]))
        padded = text.new_zeros(max(int(length) for length in lengths))
        padded[: len(text)] = text
        texts = self._all(padded)
        return [json.loads(bytes(text[:length].tolist())) for text, length in zip(texts, lengths, strict=True)]

    def _all(self, x: Tensor) -> list[Tensor]:
        every = [torch.empty_like(x) for _ in range(self.size)]
        dist.all_gather(every, x, self.words)
        return every


@contextmanager
def join_ranks(*, tensor: int = 1) -> Iterator[Ranks]:
    """Join the processes that torchrun started, over NCCL where each has a GPU and over gloo otherwise.

    Without torchrun this is rank 0 of 1. A restart after a failure joins a fresh group: torchrun's store outlives its
    attempts, and torch would find in it the addresses of the dead (pytorch issue 135712).

    What ends one rank ends all: an error leaves the block on its rank, and when that process is gone it leaves it on
    the others as a `RankToldError`.

    Args:
        tensor: ranks that share each matrix; divides the number of ranks.

    Raises:
        ConfigError: the number of ranks is no multiple of `tensor`.
        RankError: another rank was killed.
        RankToldError: another rank failed.
    """
    size = num_ranks()
    if size % tensor:
        do = f"start a multiple of {tensor} with torchrun --nproc-per-node"
        raise ConfigError(explain("layout.tensor", expected=f"a divisor of the {size} rank(s)", got=tensor, do=do))
    if size == 1:
        yield Ranks(device=_device(0))
        return
    store, ranks = _meet(size, tensor)
    with _ending_together(store, ranks):
        yield ranks
        ranks.barrier()
        for group in (None, *(ranks.mesh.get_all_groups() if ranks.mesh else ())):
            dist.barrier(group)


def _meet(size: int, tensor: int) -> tuple[Store, Ranks]:
    device = _device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        store, rank, _ = next(iter(rendezvous("env://", timeout=_TO_MEET)))
        store = PrefixStore(_attempt(store, rank, size), store)
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=_TO_ANSWER,
            device_id=device if device.type == "cuda" else None,
        )
        mesh = init_device_mesh(device.type, (size // tensor, tensor), mesh_dim_names=("data", "tensor"))
        words = dist.new_group(backend="gloo", timeout=_TO_WORK_ALONE)
    except (RuntimeError, TimeoutError) as error:
        raise RankError(explain(f"joining {size} ranks", expected="all of them", got=error)) from error
    return store, Ranks(rank, size, device, mesh, words)


@contextmanager
def _ending_together(store: Store, ranks: Ranks) -> Iterator[None]:
    """The first rank to fail leaves word in the store; the others look there when its connections break."""
    try:
        yield
    except BaseException as error:
        own = f"rank {ranks.rank} of {ranks.size}: {type(error).__name__}: {error}"
        try:
            first = store.compare_set("ended", "", own).decode()
        except RuntimeError:  # the store died with the rank that kept it
            first = own
        if ranks.device.type == "cpu":  # NCCL would wait for what is dead
            _close()
        if first != own:
            raise RankToldError(f"ended by {first}") from error
        if _is_of_a_lost_rank(error):
            expected, do = f"all {ranks.size} ranks at work", "the same command goes on from the last snapshot"
            told = explain(f"rank {ranks.rank}", expected=expected, got="one that was killed", do=do)
            raise RankError(told) from error
        error.add_note(own)
        raise
    _close()


def _close() -> None:
    dist.destroy_process_group()
    time.sleep(_TO_LET_GO)


def _is_of_a_lost_rank(error: BaseException) -> bool:
    """Torch has no type for what gloo raises when a connection breaks."""
    return isinstance(error, dist.DistError) or (type(error) is RuntimeError and "/gloo/" in str(error))


def _device(local_rank: int) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def _attempt(store: Store, rank: int, size: int) -> str:
    """A name that all ranks of this attempt, and none of an earlier one, agree on.

    Each rank says hello with a word of its own, and the first answers to that word with the name of the attempt, until
    all have acknowledged it. Words of the dead get an answer that nobody hears. torchrun's count of restarts would not
    do as the name: agents on different machines count differently.

    Raises:
        TimeoutError: some ranks did not come.
    """
    word = uuid.uuid4().hex
    if rank != 0:
        store.set(f"hello/{rank}", word)
        name = store.get(f"welcome/{word}").decode()
        store.set(f"here/{name}/{rank}", "")
        return name
    missing, deadline = set(range(1, size)), time.monotonic() + _TO_MEET.total_seconds()
    while missing:
        for other in tuple(missing):
            if store.check([f"here/{word}/{other}"]):
                missing.remove(other)
            elif store.check([f"hello/{other}"]):
                store.set(f"welcome/{store.get(f'hello/{other}').decode()}", word)
        if time.monotonic() > deadline:
            raise TimeoutError(f"ranks {sorted(missing)} did not come within {_TO_MEET}")
        time.sleep(0.01)
    return word


def num_ranks() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_rank() -> bool:
    """Whether this process speaks for all that torchrun started, joined or not."""
    return os.environ.get("RANK", "0") == "0"
