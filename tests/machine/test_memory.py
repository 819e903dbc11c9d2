"""What a container may still take, from control groups written out as Linux writes them."""

import resource
from pathlib import Path

import psutil
import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.machine import memory


def group(folder: Path, limit: str, held: int, *, version: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{held}\n")
    (folder / "memory.stat").write_text("anon 5\ninactive_file 30\ntotal_inactive_file 40\n")


def test_version_two_takes_the_tightest_of_the_groups_around(tmp_path: Path) -> None:
    cgroup, root = tmp_path / "cgroup", tmp_path / "fs"
    cgroup.write_text("0::/outer/inner\n")
    group(root / "outer" / "inner", "max", 100, version=2)
    group(root / "outer", "1000", 400, version=2)
    assert memory.container_room(cgroup, root) == 630
    group(root / "outer" / "inner", "200", 100, version=2)
    assert memory.container_room(cgroup, root) == 130


def test_version_one(tmp_path: Path) -> None:
    cgroup, root = tmp_path / "cgroup", tmp_path / "fs"
    cgroup.write_text("5:cpu:/job\n4:memory:/job\n0::/\n")
    group(root / "memory" / "job", "1000", 990, version=1)
    assert memory.container_room(cgroup, root) == 50
    group(root / "memory" / "job", "1000", 2000, version=1)
    assert memory.container_room(cgroup, root) == 0


def test_where_nothing_limits_there_is_no_figure(tmp_path: Path) -> None:
    assert memory.container_room(tmp_path / "none", tmp_path) is None
    cgroup = tmp_path / "cgroup"
    cgroup.write_text("0::/\n")
    assert memory.container_room(cgroup, tmp_path / "fs") is None


@pytest.mark.parametrize("room", ["container_room", "process_room"])
def test_free_memory_is_the_smallest_of_all(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    monkeypatch.setattr(memory, room, lambda: 7)
    assert memory.free_memory(torch.device("cpu")) == 7


@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_a_limit_of_the_process_leaves_what_can_be_had(kind: int) -> None:
    before = resource.getrlimit(kind)
    assert memory.process_room() is None
    held = psutil.Process().memory_info()
    limit = (held.vms if kind == resource.RLIMIT_AS else held.data) + (1 << 30)
    try:
        resource.setrlimit(kind, (limit, before[1]))
        room = memory.process_room()
        assert room is not None
        assert 0 < room <= 1 << 30
        assert len(torch.zeros(room * 9 // 10, dtype=torch.uint8)) > 0  # it can be had
        assert memory.process_room() <= 1 << 30
        with pytest.raises(ConfigError, match=r"expected 2\.1 GB of memory"):
            memory.check_memory(1 << 31, torch.device("cpu"), "a test", "nothing")
    finally:
        resource.setrlimit(kind, before)


def test_no_limit_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert memory.process_room() is None
