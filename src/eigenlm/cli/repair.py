"""`eigenlm repair`."""

import math
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Calibration, Compute, Model, Out, Overwrite
from eigenlm.cli.output import print_facts, print_json, said_of_loss
from eigenlm.errors import ConfigError, explain
from eigenlm.files import check_new

if TYPE_CHECKING:
    from eigenlm.compression import Repair
    from eigenlm.language_model import LanguageModel


@dataclass(frozen=True)
class RepairCommand(Command):
    """Give a quantized model back what rounding cost, by a low-rank matrix beside each: a LoRA that no step trained."""

    model: Model
    of: Annotated[str, tyro.conf.arg(metavar="MODEL", help="The model before it was quantized.")]
    out: Out
    to: Annotated[
        Literal["eigenlm", "peft", "gguf"],
        tyro.conf.arg(
            help="The format: a folder of the repaired model, or what is added to the quantized one alone, as a LoRA"
            " adapter of PEFT or for llama.cpp."
        ),
    ] = "eigenlm"
    rank: int = 16
    """Of what is added to each matrix."""
    choose_ranks: bool = False
    """Choose a rank for each matrix, so that as many numbers in all leave the least loss."""
    storage: Annotated[
        Literal["F32", "F16", "BF16"], tyro.conf.arg(help="How the numbers of an adapter are stored.")
    ] = "F32"
    text: Calibration = None
    tokens: int = 8192
    """How many tokens of it to use, spread over it evenly; a quarter is kept apart to try the repair on."""
    seed: int = 0
    """Of the random generator that draws the gradients of the model's predictions."""
    overwrite: Overwrite = False
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse a folder in use, and a storage type for a folder that keeps the model's own."""
        if self.to != "gguf":
            check_new(self.out)
        if self.to == "eigenlm" and self.storage != "F32":
            do = "choose --to peft or --to gguf, or --dtype bfloat16"
            raise ConfigError(explain("storage", expected="that of an adapter", got="an eigenlm folder", do=do))

    def run(self) -> None:
        """Measure, repair, write, and say how much was given back."""
        from eigenlm import verbs
        from eigenlm.checkpoint import open_model
        from eigenlm.compression.forecast import COSINE, NATS
        from eigenlm.compression.room import repairing
        from eigenlm.observe.predictions import gives_vectors

        lm = self.compute.load(self.model, repairing(self.tokens, open_model(self.of)))
        original = self.compute.load(self.of)
        repaired, told = verbs.repair(
            lm,
            original,
            rank=self.rank,
            choose_ranks=self.choose_ranks,
            calibration=self.text,
            tokens=self.tokens,
            seed=self.seed,
        )
        self._write(repaired)
        if self.json:
            figures = {name: getattr(told, name) for name in ("before", "after", "recovered", "num_params")}
            print_json({"out": self.out, "to": self.to, **figures, "layers": told.layers})
        else:
            _print(told, COSINE if gives_vectors(lm.model) else NATS)
            self.point_to(self.out, self._next)

    @property
    def _next(self) -> str:
        model, of, out = (shlex.quote(str(each)) for each in (self.model, self.of, self.out))
        return {
            "eigenlm": f"eigenlm measure {of} {out} --text FILE",
            "peft": f"eigenlm chat {model} --adapter {out}",
            "gguf": f"llama-cli --model {model} --lora {out}",
        }[self.to]

    def _write(self, repaired: "LanguageModel") -> None:
        from eigenlm.checkpoint import open_model, write_gguf_adapter, write_peft

        if self.to == "eigenlm":
            repaired.save(self.out)
            return
        family = open_model(repaired.path).family
        if self.to == "peft":
            write_peft(self.out, repaired.model, base=repaired.name, family=family, storage=self.storage)
        else:
            write_gguf_adapter(self.out, repaired.model, family=family, storage=self.storage)


def _print(told: "Repair", unit: str) -> None:
    ranks = sorted(layer.rank for layer in told.layers)
    said = str(ranks[0]) if ranks[0] == ranks[-1] else f"{ranks[0]} to {ranks[-1]}"
    back = "" if math.isnan(told.recovered) else f"; {told.recovered:.0%} given back"
    print_facts(
        [
            ("matrices", f"{len(ranks):,}, and beside each one of rank {said}"),
            ("numbers added", f"{told.num_params:,}"),
            ("loss by rounding", said_of_loss(told.before, unit)),
            ("loss that is left", f"{said_of_loss(told.after, unit)}{back}"),
        ]
    )
