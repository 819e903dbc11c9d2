"""`eigenlm quantize`."""

import shlex
from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro

from eigenlm.allowed import byte_count, gguf_type
from eigenlm.cli.command import Command
from eigenlm.cli.options import Calibration, Compute, Model, Out, Overwrite
from eigenlm.cli.output import print_facts, print_json
from eigenlm.errors import ConfigError, explain
from eigenlm.terminal import say


@dataclass(frozen=True)
class QuantizeCommand(Command):
    """Write a GGUF file of few bits a number, each rounded for what its matrix reads on a text."""

    model: Model
    out: Out
    to: Literal["gguf"] = "gguf"
    """The format."""
    type: Annotated[
        str, tyro.conf.arg(metavar="TYPE", help="What llama.cpp calls the file: Q2_K, Q3_K_M, IQ4_XS, Q4_K_M, ...")
    ] = "Q4_K_M"
    size: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="BYTES", help="Choose a type for each matrix instead, so that a file of 72MB loses least."
        ),
    ] = None
    text: Calibration = None
    tokens: int = 8192
    """How many tokens of it to use, spread over it evenly."""
    like_llama_cpp: bool = False
    """Round numbers one by one as llama-quantize does with an imatrix of the text, to the same bytes."""
    seed: int = 0
    """Of the random generator that draws the gradients of the model's predictions."""
    overwrite: Overwrite = False
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse a type or a size that there is not, and a size for what llama.cpp would do."""
        gguf_type(self.type)
        if self.size is not None:
            byte_count(self.size)
            if self.like_llama_cpp:
                got, do = "--size and --like-llama-cpp", "choose one of them"
                raise ConfigError(explain("quantize", expected="a way to round", got=got, do=do))

    def run(self) -> None:
        """Measure what the matrices read, round, and write."""
        from eigenlm import verbs
        from eigenlm.checkpoint import misread_by_llama_cpp, open_model
        from eigenlm.compression.room import planning, rounding

        work = rounding(self.tokens) if self.size is None else planning(self.tokens, ("bits",), whole=True)
        lm = self.compute.load(self.model, work)
        storage = gguf_type(self.type)
        told = storage if self.size is None else "chosen for each matrix"
        num_bytes = verbs.quantize(
            lm,
            self.out,
            storage=storage,
            size=None if self.size is None else byte_count(self.size),
            calibration=self.text,
            tokens=self.tokens,
            seed=self.seed,
            like_llama_cpp=self.like_llama_cpp,
        )
        bits = 8 * num_bytes / sum(parameter.numel() for parameter in lm.model.parameters())
        misread = misread_by_llama_cpp(open_model(self.out).family, lm.config, lm.generation.vectors)
        if self.json:
            figures = {"type": told, "num_bytes": num_bytes, "bits_per_parameter": bits, "misread": misread}
            print_json({"out": self.out, **figures})
            return
        if misread is not None:
            say(f"note: {misread}")
        print_facts([("type", told), ("bytes of tensors", f"{num_bytes:,}"), ("bits a parameter", f"{bits:.2f}")])
        self.point_to(self.out, f"eigenlm measure {shlex.quote(self.model)} {shlex.quote(str(self.out))} --text FILE")
