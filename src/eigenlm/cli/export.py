"""`eigenlm export`."""

from dataclasses import dataclass
from typing import Literal

from eigenlm.cli.options import Model, Out


@dataclass(frozen=True)
class Export:
    """Write a model for other programs: a Hugging Face folder, or a GGUF file for llama.cpp."""

    model: Model
    to: Literal["hf", "gguf"]
    """The format."""
    out: Out
    storage: Literal["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"] = "F16"
    """How numbers are stored; the last three only in GGUF."""
