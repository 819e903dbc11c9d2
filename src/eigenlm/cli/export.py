"""`eigenlm export`."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from eigenlm.allowed import gguf_type
from eigenlm.cli.command import Command
from eigenlm.cli.options import Adapter, Model, Out, Overwrite
from eigenlm.cli.output import print_json
from eigenlm.errors import ConfigError, explain
from eigenlm.progress import waiting
from eigenlm.terminal import say

_PLAIN = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class ExportCommand(Command):
    """Write a model for other programs: a Hugging Face folder, or a GGUF file for llama.cpp."""

    model: Model
    to: Literal["hf", "gguf"]
    """The format."""
    out: Out
    storage: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="TYPE",
            help="How matrices are stored: F32, F16 or BF16, by default F32 in hf; in gguf also Q8_0, the default, "
            "Q4_0, Q4_1, or one of llama.cpp's mixtures from Q2_K to Q6_K.",
        ),
    ] = None
    multiply_out: bool = False
    """Write low-rank matrices as dense ones, larger than they are; without it they are refused."""
    merge: Adapter = None
    overwrite: Overwrite = False

    def check(self) -> None:
        """Refuse a storage type that the format does not have."""
        if self._type not in _PLAIN and self.to == "hf":
            expected, do = ", ".join(_PLAIN), "choose --to gguf"
            raise ConfigError(explain("storage of a Hugging Face folder", expected=expected, got=self.storage, do=do))

    @property
    def _type(self) -> str:
        return gguf_type(self.storage or ("F32" if self.to == "hf" else "Q8_0"))

    def run(self) -> None:
        """Read the model and write it again."""
        import torch

        from eigenlm.checkpoint import misread_by_llama_cpp, open_model, read_model, write_gguf, write_hugging_face
        from eigenlm.checkpoint.written import writing

        storage = self._type
        dtype = getattr(torch, _PLAIN[storage]) if self.to == "hf" else torch.float32
        read = read_model(self.model, adapter=self.merge, dtype=dtype, work=writing(self.to))
        parts: dict[str, Any] = {
            "tokenizer": read.tokenizer,
            "chat_template": read.chat_template,
            "generation": read.generation,
            "family": read.family,
            "multiply_out": self.multiply_out,
        }
        if self.to == "hf":
            with waiting("writing"):
                family, misread = write_hugging_face(self.out, read.model, **parts), None
        else:
            family = write_gguf(self.out, read.model, storage=storage, **parts)
            misread = misread_by_llama_cpp(family, read.config, read.generation.vectors)
        written = open_model(self.out).tensors
        num_bytes = sum(written.num_bytes(name) for name in written)
        if self.json:
            more = {"misread": misread} if self.to == "gguf" else {}
            print_json({"out": self.out, "family": family, "storage": storage, "num_bytes": num_bytes, **more})
        else:
            say(f"{self.out}: {family}, {storage}, {num_bytes:,} bytes of tensors")
            if misread is not None:
                say(f"note: {misread}")
