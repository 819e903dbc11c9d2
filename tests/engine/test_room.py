"""The memory that a pass is said to take, against what its operations hold; and that it is asked for from Python."""

from pathlib import Path

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef

import eigenlm
from eigenlm.analysis.activations import activations
from eigenlm.engine.packing import serves
from eigenlm.engine.room import pass_bytes, scored_bytes
from eigenlm.errors import ConfigError
from eigenlm.machine.kernels import EveryOperation
from tests.model.test_transformer import GPT2, LLAMA, build


class Held(EveryOperation):
    """Bytes of the storages that operations made and that are still alive, and the most of them at once."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self.alive[storage.data_ptr()] = StorageWeakRef(storage), storage.nbytes()
        self.alive = {place: held for place, held in self.alive.items() if not held[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))
        return made


@pytest.mark.parametrize("config", [LLAMA, GPT2], ids=["llama", "gpt2"])
def test_a_pass_holds_what_is_asked_for(config) -> None:
    model, ids = build(config), torch.zeros(100, 24, dtype=torch.int64)
    with torch.inference_mode(), Held() as held:
        model.hidden(ids)
    assert 0.3 < held.peak / pass_bytes(config, ids.numel(), 4) <= 1


def test_packing_leaves_room_for_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(LLAMA)
    size = sum(parameter.nbytes for parameter in model.parameters())
    needed = size + max(size, scored_bytes(model.config, None, 4))
    for free, fits in ((needed, False), (needed + 1, True)):
        monkeypatch.setattr("eigenlm.engine.packing.free_memory", lambda _, free=free: free)
        assert serves(model) == fits


def test_functions_ask_for_what_comes_on_top(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = eigenlm.load(tiny_model)
    monkeypatch.setattr("eigenlm.machine.memory.free_memory", lambda device=None: 1000)
    monkeypatch.setattr(type(lm.model), "forward", lambda *_, **__: pytest.fail("it ran"))
    text = "the vector " * 200
    for act in (
        lambda: eigenlm.perplexity(lm, text),
        lambda: eigenlm.measure(lm, lm, text),
        lambda: eigenlm.plan(lm, calibration=[text], tokens=64),
        lambda: lm.embed(["the vector"]),
        lambda: activations(lm.model, torch.zeros(1, 8, dtype=torch.int64)),
    ):
        with pytest.raises(ConfigError, match=r"of memory to be free, got 1\.0 kB; .*"):
            act()
