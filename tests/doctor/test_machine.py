"""What the doctor reads, against the systems' own tools."""

import os

import psutil
import torch

from eigenlm.doctor.installed import look_at_extras
from eigenlm.doctor.machine import look_at_machine


def test_machine_agrees_with_psutil_and_torch() -> None:
    machine = look_at_machine()
    assert machine.memory_bytes == psutil.virtual_memory().total
    assert 0 < machine.available_bytes <= machine.memory_bytes
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert (machine.torch, machine.threads) == (torch.__version__, torch.get_num_threads())
    assert len(machine.accelerators) == torch.accelerator.device_count()


def test_avx2_is_named_exactly_when_torch_sees_it() -> None:
    assert ("AVX2" in look_at_machine().isa) == torch.cpu._is_avx2_supported()


def test_missing_packages_of_an_extra_are_named(monkeypatch) -> None:
    lines = ["numpy", 'pytest ; extra == "dev"', "no-such-package>=2; extra == 'dev'", 'Torch; extra == "gpu"']
    monkeypatch.setattr("importlib.metadata.requires", lambda name: lines)
    assert {extra.name: extra.missing for extra in look_at_extras()} == {"dev": ("no-such-package",), "gpu": ()}
