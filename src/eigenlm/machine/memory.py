"""How much memory can be had, asked before it is taken."""

import resource
from pathlib import Path

import psutil
import torch
from rich.filesize import decimal

from eigenlm.errors import ConfigError, explain

# Of the address space alone, beside what is asked for: the C library's heaps of threads, and what each maps as a stack.
_HEAPS, _STACK = 160 << 20, 16 << 20


def free_memory(device: torch.device | None = None) -> int:
    """Bytes that can be had on a device, or by the processor, without anybody giving way."""
    if device is not None and device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    rooms = (container_room(), process_room())
    return min([psutil.virtual_memory().available, *(room for room in rooms if room is not None)])


def process_room() -> int | None:
    """Bytes that this process may still take by its own limits (`ulimit -v`, `ulimit -d`); None where it has none.

    Files that are mapped take address space as well.
    """
    data = _within(resource.RLIMIT_DATA, getattr(psutil.Process().memory_info(), "data", 0))
    rooms = [room for room in (_address_room(), data) if room is not None]
    return min(rooms, default=None)


def _address_room() -> int | None:
    return _within(resource.RLIMIT_AS, psutil.Process().memory_info().vms)


def _within(kind: int, taken: int) -> int | None:
    limit, _ = resource.getrlimit(kind)
    return None if limit == resource.RLIM_INFINITY else max(0, limit - taken)


def check_mapping(path: Path, times: int = 1) -> None:
    """Refuse to map a file that the address space has no room for.

    Args:
        path: of the file.
        times: how often it will be mapped.

    Raises:
        ConfigError: a limit of the process leaves less.
    """
    needed, room = times * path.stat().st_size, _address_room()
    if room is not None and needed > room:
        expected = f"{decimal(needed)} of address space to be free"
        do = "raise the limit (ulimit -v), or take a smaller file"
        raise ConfigError(explain(f"reading {path}", expected=expected, got=decimal(room), do=do))


def container_room(cgroup: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that the container of this process, or one around it, may still take; None where nothing limits it.

    Files that the system can drop again do not count as taken.

    Args:
        cgroup: lists the control groups of a process, of either version.
        root: where control groups are mounted.
    """
    if not cgroup.is_file():
        return None
    rooms = []
    for line in cgroup.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        inner = top / path.lstrip("/")
        groups = (group for group in (inner, *inner.parents) if group.is_relative_to(top))
        rooms += [room for group in groups if (room := _room(group, *names)) is not None]
    return min(rooms, default=None)


def _room(group: Path, limit: str, usage: str, droppable: str) -> int | None:
    """Of one control group: its limit less what it holds."""
    try:
        most = (group / limit).read_text().strip()
        held = int((group / usage).read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    return None if most == "max" else max(0, int(most) - held + int(stat.get(droppable, 0)))


def check_memory(needed: int, device: torch.device | None, what: str, do: str) -> None:
    """Refuse what would not fit.

    Args:
        needed: bytes, predicted.
        device: where they are needed; None for the processor.
        what: needs them.
        do: what would need fewer.

    Raises:
        ConfigError: less is free.
    """
    free, addresses = free_memory(device), None if device is not None and device.type == "cuda" else _address_room()
    if addresses is not None:
        free = min(free, max(0, addresses - _HEAPS - _STACK * torch.get_num_threads()))
    if needed > free:
        raise ConfigError(explain(what, expected=f"{decimal(needed)} of memory to be free", got=decimal(free), do=do))
