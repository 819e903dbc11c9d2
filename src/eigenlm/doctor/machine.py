"""What the machine and its Python have, read and not measured."""

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from eigenlm.machine.facts import cores

# The instruction sets that decide how fast a matrix product can be, as Linux spells them for x86 and for Arm.
_ISA = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "avx_vnni": "AVX VNNI",
    "avx512_vnni": "AVX-512 VNNI",
    "amx_bf16": "AMX BF16",
    "amx_int8": "AMX INT8",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "Arm BF16",
    "i8mm": "Arm I8MM",
}
_COMPILERS = ("c++", "g++", "clang++", "cl")


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """A device beside the processor.

    Attributes:
        name: what its driver calls it.
        kind: torch's name of the device type, `cuda` or another.
        memory_bytes: its own memory; None where torch cannot tell.
    """

    name: str
    kind: str
    memory_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What there is to compute with.

    Attributes:
        processor: its name.
        cores: that this process may use.
        isa: instruction sets that matter to matrix products.
        memory_bytes: in all.
        available_bytes: not in use now.
        system: operating system and architecture.
        python: version.
        torch: version.
        threads: that torch uses within one operation.
        accelerators: devices beside the processor.
        compiler: path of a C++ compiler, which torch.compile needs on a processor; None when there is none.
    """

    processor: str
    cores: int
    isa: tuple[str, ...]
    memory_bytes: int
    available_bytes: int
    system: str
    python: str
    torch: str
    threads: int
    accelerators: tuple[Accelerator, ...]
    compiler: str | None


def look_at_machine() -> Hardware:
    """Read what this machine has."""
    cpuinfo = _cpuinfo()
    flags = set(cpuinfo.get("flags", cpuinfo.get("Features", "")).split())
    memory = psutil.virtual_memory()
    return Hardware(
        processor=cpuinfo.get("model name") or platform.processor() or platform.machine(),
        cores=cores(),
        isa=tuple(name for flag, name in _ISA.items() if flag in flags) or (torch.backends.cpu.get_cpu_capability(),),
        memory_bytes=memory.total,
        available_bytes=memory.available,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        accelerators=_accelerators(),
        compiler=next(filter(None, map(shutil.which, _COMPILERS)), None),
    )


def _cpuinfo() -> dict[str, str]:
    """The first processor's entry of Linux's list; empty on other systems."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _accelerators() -> tuple[Accelerator, ...]:
    if torch.cuda.is_available():
        properties = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
        return tuple(Accelerator(name=p.name, kind="cuda", memory_bytes=p.total_memory) for p in properties)
    if not torch.accelerator.is_available():
        return ()
    kind = str(torch.accelerator.current_accelerator())
    return tuple(Accelerator(name=kind, kind=kind, memory_bytes=None) for _ in range(torch.accelerator.device_count()))
