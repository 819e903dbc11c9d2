"""`eigenlm apply`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.measure import print_effect
from eigenlm.cli.options import Compute, Out
from eigenlm.cli.output import print_facts, print_json, said_of_loss
from eigenlm.terminal import tell

if TYPE_CHECKING:
    from eigenlm.compression import Plan
    from eigenlm.language_model import LanguageModel
    from eigenlm.tasks import Effect


@dataclass(frozen=True)
class ApplyCommand(Command):
    """Carry a plan out and write the smaller model; with --text, measure the effect beside the forecast."""

    plan: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PLAN", help="What `eigenlm plan` wrote.")]
    out: Out
    to: Annotated[
        Literal["eigenlm", "hf", "gguf"],
        tyro.conf.arg(help="The format: a folder that keeps each layer as it is, one for transformers, a GGUF file."),
    ] = "eigenlm"
    text: Annotated[
        Path | None,
        tyro.conf.arg(metavar="PATH", aliases=["-f"], help="Text to measure on, which the plan did not see."),
    ] = None
    compute: Compute = field(default_factory=Compute)

    def run(self) -> None:
        """Apply, write, and say what changed."""
        from eigenlm.checkpoint import open_model
        from eigenlm.compression import Plan, apply_
        from eigenlm.compression.room import applying
        from eigenlm.engine.room import scoring

        plan = Plan.load(self.plan)
        measured = None if self.text is None else scoring(None, models=2, also_read=open_model(plan.model))
        small = self.compute.load(plan.model, applying(measured))
        apply_(small.model, plan)
        self._write(small)
        figures: dict[str, Any] = {
            "out": self.out,
            "num_params": small.num_params,
            "num_bytes": small.num_bytes,
            "forecast": plan.forecast,
        }
        if self.text is not None:
            figures["measured"] = self._measured(plan, small, self.text)
        print_json(figures) if self.json else _print(figures)

    def _write(self, small: "LanguageModel") -> None:
        from eigenlm.checkpoint import misread_by_llama_cpp, open_model, write_gguf, write_hugging_face
        from eigenlm.linear import linear_maps

        if self.to == "eigenlm":
            small.save(self.out)
            return
        parts = {**small.parts, "family": open_model(small.path).family}
        if self.to == "hf":
            write_hugging_face(self.out, small.model, multiply_out=True, **parts)
        else:
            family = write_gguf(self.out, small.model, **parts)
            if misread := misread_by_llama_cpp(family, small.config, small.generation.vectors):
                tell(f"note: {misread}")
            if again := [each.kind for each in linear_maps(small.model).values() if each.in_gguf == "rounded"]:
                kinds = " or ".join(sorted({*again}))
                tell(f"note: GGUF has no {kinds}; {len(again):,} matrices of few bits are written as Q8_0")

    def _measured(self, plan: "Plan", small: "LanguageModel", text: Path) -> "Effect":
        from eigenlm.tasks import effect

        return effect(self.compute.load(plan.model), small, text)


def _print(figures: dict[str, Any]) -> None:
    print_facts(
        [
            ("written", str(figures["out"])),
            ("parameters", f"{figures['num_params']:,}"),
            ("bytes", f"{figures['num_bytes']:,}"),
            ("loss, forecast", said_of_loss(figures["forecast"])),
        ]
    )
    if "measured" in figures:
        print_effect(figures["measured"])
