"""`eigenlm info`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.filesize import decimal

from eigenlm.cli.command import Command
from eigenlm.cli.knob import print_knob
from eigenlm.cli.options import Adapter, Model
from eigenlm.cli.output import print_json, print_table, said_of_format
from eigenlm.errors import counted
from eigenlm.terminal import say

if TYPE_CHECKING:
    from eigenlm.analysis.anatomy import Part
    from eigenlm.checkpoint import Opened

_HEADER = 96 << 20  # bytes that the sizes of a model and its vocabulary take


@dataclass(frozen=True)
class InfoCommand(Command):
    """What a model is: sizes, parameters and bytes and where they sit; reads no tensor."""

    model: Model
    adapter: Adapter = None

    def run(self) -> None:
        """Open the model and tell."""
        from eigenlm.analysis.anatomy import anatomy, module_kind, part_of
        from eigenlm.checkpoint import Opened, open_any, open_model
        from eigenlm.machine.memory import check_memory

        check_memory(_HEADER, None, f"the header of {self.model}", "take a larger machine")
        found = open_any(self.model) if self.adapter is None else open_model(self.model, self.adapter)
        parts = anatomy(found.tensors, part_of if isinstance(found, Opened) else module_kind)
        facts = {
            "path": str(found.path),
            "num_params": sum(part.num_params for part in parts),
            "num_bytes": sum(part.num_bytes for part in parts),
            **(_facts(found) if isinstance(found, Opened) else {"cannot_run": found.reason}),
        }
        if self.json:
            print_json(facts | {"parts": parts})
        elif isinstance(found, Opened):
            _print(facts, parts)
        else:
            say(f"{facts['path']}\ncannot be run: {found.reason or 'matrices alone, which make no model'}\n")
            _print_parts(facts, parts, "")


def _facts(opened: "Opened") -> dict[str, Any]:
    """What a model is that can be run."""
    from eigenlm.config import to_dict

    tokenizer = opened.read_tokenizer()
    return {
        "format": opened.format,
        "family": opened.family,
        "tokenizer": None if tokenizer is None else type(tokenizer.library.model).__name__,
        "tokenizer_vocab_size": None if tokenizer is None else tokenizer.vocab_size,
        "chat_template": opened.chat_template is not None,
        "config": to_dict(opened.config),
        "knob": _knob(opened),
    }


def _knob(opened: "Opened") -> dict[str, Any] | None:
    """Where a knob stands and what its settings cost; None of a model without one."""
    from eigenlm.linear import NestedLinear, linear_maps

    if not any(isinstance(layer, NestedLinear) for layer in linear_maps(opened.skeleton).values()):
        return None
    from eigenlm.compression.knob import Knob, kept, nested_layers  # compiles, which other models need not wait for

    return {"keep": kept(nested_layers(opened.skeleton)), "told": Knob.load(opened.path)}


def _print(facts: dict[str, Any], parts: "tuple[Part, ...]") -> None:
    c = facts["config"]
    tied = c["head"] is not None and c["head"].get("tied", False)
    form, kind = said_of_format(facts["format"]), c["kind"].replace("_", "-")
    say(f"{facts['path']}  ({form}, {facts['family']} {kind})")
    encoder = f"an encoder of {counted(c['num_encoder_layers'], 'layer')} and " if c["num_encoder_layers"] else ""
    decoder = ("a decoder of " if encoder else "") + counted(c["num_layers"], "layer")
    say(f"{encoder}{decoder}, width {c['d_model']:,}, context of {c['context_length']:,} tokens")
    say("\n".join(_layers(c)))
    tokenizer = f"{facts['tokenizer']} of {facts['tokenizer_vocab_size']:,} tokens" if facts["tokenizer"] else "none"
    say(f"tokenizer: {tokenizer}; chat template: {'yes' if facts['chat_template'] else 'no'}\n")
    if facts["knob"] is not None:
        print_knob(**facts["knob"])
    _print_parts(facts, parts, "embedding" if tied else "")


def _print_parts(facts: dict[str, Any], parts: "tuple[Part, ...]", head: str) -> None:
    """Where the numbers sit; `head` names the part that serves as the head as well."""
    rows = [
        (
            part.name + (" (also the head)" if part.name == head else ""),
            f"{part.num_params:,}",
            f"{part.num_params / max(1, facts['num_params']):.1%}",
            decimal(part.num_bytes),
            ", ".join(part.storage),
            str(part.num_tensors),
        )
        for part in parts
    ]
    rows.append(("all", f"{facts['num_params']:,}", "", decimal(facts["num_bytes"]), "", ""))
    columns = ["part", "parameters", "share", "bytes", "stored as", "tensors"]
    print_table("Where the numbers sit", columns, rows, words={"stored as"})


def _layers(config: dict[str, Any]) -> list[str]:
    """One line on each form of layer, and which blocks have it."""
    numbers: dict[str, list[int]] = {}
    for i in range(config["num_layers"]):
        layer = config["pattern"][i % len(config["pattern"])]
        numbers.setdefault(_layer(layer, config["positions"]["kind"]), []).append(i)
    if len(numbers) == 1:
        return [f"each layer: {form}" for form in numbers]
    return [f"blocks {_listed(which)} ({len(which)}): {form}" for form, which in numbers.items()]


def _listed(numbers: list[int]) -> str:
    """Numbers of blocks, neighbours as a range: `2-3, 5-6, ..., 20-21`."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    runs = [str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends)]
    return ", ".join(runs if len(runs) < 5 else [*runs[:2], "...", runs[-1]])


def _layer(layer: dict[str, Any], positions: str) -> str:
    """The form of a layer."""
    attention, inner = layer["attention"], layer["feed_forward"]
    turned = next((name for name in ("rotary", "relative_bias") if attention.get(name)), positions).replace("_bias", "")
    window = f", window {attention['window']:,}" if "window" in attention else ""
    heads = " and ".join(
        [counted(attention["num_heads"], "query head"), counted(attention["num_kv_heads"], "key/value head")]
    )
    experts = f"{counted(inner['num_experts'], 'expert')} of width" if "num_experts" in inner else "feed-forward width"
    return f"{heads} of width {attention['head_dim']}{window}, {turned} positions; {experts} {inner['d_ff']:,}"
