"""`eigenlm apply`."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Compute, Html, Out, Prompts, Texts
from eigenlm.cli.output import print_facts, print_json, said_of_loss
from eigenlm.cli.side_by_side import print_side_by_side, read_ahead
from eigenlm.errors import DataError, explain
from eigenlm.terminal import say, tell

if TYPE_CHECKING:
    from eigenlm.compression import Plan
    from eigenlm.language_model import LanguageModel
    from eigenlm.tasks import SideBySide


@dataclass(frozen=True)
class ApplyCommand(Command):
    """Carry a plan out and write the smaller model; with --text or --html, measure it beside the forecast."""

    plan: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PLAN", help="What `eigenlm plan` wrote.")]
    out: Out
    to: Annotated[
        Literal["eigenlm", "hf", "gguf"],
        tyro.conf.arg(help="The format: a folder that keeps each layer as it is, one for transformers, a GGUF file."),
    ] = "eigenlm"
    text: Texts = ()
    prompts: Prompts = None
    html: Html = None
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse one place for the model and for the page."""
        if self.html is not None and os.path.abspath(self.html) == os.path.abspath(self.out):
            expected, do = "a place beside the model", "choose another"
            raise DataError(explain(f"writing {self.html}", expected=expected, got="that of the model", do=do))

    def run(self) -> None:
        """Apply, write, and say what changed; what was written is read again to be measured."""
        from eigenlm.checkpoint import open_model
        from eigenlm.compression import Plan, apply_
        from eigenlm.compression.room import applying
        from eigenlm.engine.room import scoring

        measures = bool(self.text) or self.html is not None or self.prompts is not None
        prompts = read_ahead(self.text, self.prompts) if measures else None
        plan = Plan.load(self.plan)
        measuring = scoring(None, models=2, also_read=open_model(plan.model)) if measures else None
        small = self.compute.load(plan.model, applying(measuring))
        apply_(small.model, plan)
        self._write(small)
        figures: dict[str, Any] = {
            "out": self.out,
            "num_params": small.num_params,
            "num_bytes": small.num_bytes,
            "forecast": plan.forecast,
        }
        del small
        found = self._measured(plan, prompts) if measures else None
        if self.json:
            print_json(figures | ({} if found is None else {"measured": found, "report": self.html}))
            return
        _print(figures, plan)
        if found is not None:
            print_side_by_side(found)
        if self.html is not None:
            say(f"\nreport: {self.html}")

    def _measured(self, plan: "Plan", prompts: list[str] | None) -> "SideBySide":
        """The plan's model beside the one that was written, in which an adapter is merged already."""
        from eigenlm.tasks import side_by_side

        before, after = self.compute.load(plan.model), replace(self.compute, adapter=None).load(str(self.out))
        found = side_by_side(before, after, {str(text): text for text in self.text}, prompts=prompts, plan=plan)
        if self.html is not None:
            found.report(self.html)
        return found

    def _write(self, small: "LanguageModel") -> None:
        from eigenlm.checkpoint import misread_by_llama_cpp, write_gguf, write_hugging_face
        from eigenlm.linear import linear_maps

        if self.to == "eigenlm":
            small.save(self.out)
            return
        if self.to == "hf":
            write_hugging_face(self.out, small.model, multiply_out=True, **small.foreign_parts)
        else:
            family = write_gguf(self.out, small.model, **small.foreign_parts)
            if misread := misread_by_llama_cpp(family, small.config, small.generation.vectors):
                tell(f"note: {misread}")
            if again := [each.kind for each in linear_maps(small.model).values() if each.in_gguf == "rounded"]:
                kinds = " or ".join(sorted({*again}))
                tell(f"note: GGUF has no {kinds}; {len(again):,} matrices of few bits are written as Q8_0")


def _print(figures: dict[str, Any], plan: "Plan") -> None:
    told = [("loss, forecast", plan.forecast), ("divergence, forecast", plan.divergence)]
    print_facts(
        [
            ("written", str(figures["out"])),
            ("parameters", f"{figures['num_params']:,}"),
            ("bytes", f"{figures['num_bytes']:,}"),
            *((name, said_of_loss(estimate, plan.unit)) for name, estimate in told if estimate is not None),
        ]
    )
