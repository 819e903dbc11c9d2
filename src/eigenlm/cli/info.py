"""`eigenlm info`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.filesize import decimal

from eigenlm.cli.options import Json, Model
from eigenlm.cli.output import print_json, print_table
from eigenlm.terminal import say

if TYPE_CHECKING:
    from eigenlm.analysis.anatomy import Part
    from eigenlm.checkpoint import Opened


@dataclass(frozen=True)
class InfoCommand:
    """What a model is: sizes, parameters and bytes and where they sit; reads no tensor."""

    model: Model
    json: Json = False

    def run(self) -> None:
        """Open the model and tell."""
        from eigenlm.analysis.anatomy import anatomy, module_kind, part_of
        from eigenlm.checkpoint import Opened, open_any

        found = open_any(self.model)
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
    }


def _print(facts: dict[str, Any], parts: "tuple[Part, ...]") -> None:
    c = facts["config"]
    tied = c["head"] is not None and c["head"].get("tied", False)
    say(f"{facts['path']}  ({facts['format']}, {facts['family']} {c['kind']})")
    encoder = f"{c['num_encoder_layers']} layers that read and " if c["num_encoder_layers"] else ""
    say(f"{encoder}{c['num_layers']} layers of width {c['d_model']}, context {c['context_length']:,} tokens")
    for layer in c["pattern"]:
        say(_layer(layer, c["positions"]["kind"], alone=len(c["pattern"]) == 1))
    tokenizer = f"{facts['tokenizer']} of {facts['tokenizer_vocab_size']:,} tokens" if facts["tokenizer"] else "none"
    say(f"tokenizer: {tokenizer}; chat template: {'yes' if facts['chat_template'] else 'no'}\n")
    _print_parts(facts, parts, "embedding" if tied else "")


def _print_parts(facts: dict[str, Any], parts: "tuple[Part, ...]", head: str) -> None:
    """Where the numbers sit; `head` names the part that serves as the head as well."""
    rows = [
        (
            part.name + (" (also the head)" if part.name == head else ""),
            str(part.num_tensors),
            f"{part.num_params:,}",
            f"{part.num_params / facts['num_params']:.1%}",
            decimal(part.num_bytes),
            ", ".join(part.storage),
        )
        for part in parts
    ]
    rows.append(("all", "", f"{facts['num_params']:,}", "", decimal(facts["num_bytes"]), ""))
    print_table("Where the numbers sit", ["part", "tensors", "parameters", "share", "bytes", "stored as"], rows)


def _layer(layer: dict[str, Any], positions: str, *, alone: bool) -> str:
    """One line on a layer of the pattern."""
    attention, inner = layer["attention"], layer["feed_forward"]
    turned = next((name for name in ("rotary", "relative_bias") if attention.get(name)), positions).replace("_bias", "")
    window = f", window {attention['window']:,}" if "window" in attention else ""
    experts = f"{inner['num_experts']} experts of width" if "num_experts" in inner else "feed-forward width"
    return (
        f"{'each layer' if alone else 'in turn'}: {attention['num_heads']} query heads and"
        f" {attention['num_kv_heads']} key/value heads of width {attention['head_dim']}{window}, {turned} positions;"
        f" {experts} {inner['d_ff']:,}"
    )
