"""How much memory can be had, asked before it is taken."""

import resource
from pathlib import Path

import psutil
import torch
from rich.filesize import decimal

from eigenlm.errors import ConfigError, explain

# Of the address space alone: the C library's heaps beside the main one, and what each thread to come maps as its stack.
_HEAPS, _STACK = 96 << 20, 16 << 20


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device without anybody giving way."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    rooms = (container_room(), process_room())
    return min([psutil.virtual_memory().available, *(room for room in rooms if room is not None)])


def process_room() -> int | None:
    """Bytes that this process may still take by its own limits (`ulimit -v`, `ulimit -d`); None where it has none.

    Of the address space, which mapped files take as well, some is left for heaps and stacks of threads.
    """
    held = psutil.Process().memory_info()
    reserve = _HEAPS + _STACK * torch.get_num_threads()
    taken = {resource.RLIMIT_AS: held.vms + reserve, resource.RLIMIT_DATA: getattr(held, "data", held.rss)}
    limits = {kind: resource.getrlimit(kind)[0] for kind in taken}
    rooms = [max(0, limits[kind] - taken[kind]) for kind in taken if limits[kind] != resource.RLIM_INFINITY]
    return min(rooms, default=None)


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


def check_memory(needed: int, device: torch.device, what: str, do: str) -> None:
    """Refuse what would not fit.

    Args:
        needed: bytes, predicted.
        device: where they are needed.
        what: needs them.
        do: what would need fewer.

    Raises:
        ConfigError: less is free.
    """
    free = free_memory(device)
    if needed > free:
        raise ConfigError(explain(what, expected=f"{decimal(needed)} of memory to be free", got=decimal(free), do=do))
