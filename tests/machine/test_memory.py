"""What a container may still take, from control groups written out as Linux writes them."""

from pathlib import Path

import pytest
import torch

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


def test_free_memory_is_the_smaller_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "container_room", lambda: 7)
    assert memory.free_memory(torch.device("cpu")) == 7
