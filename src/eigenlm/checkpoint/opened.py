"""A model that was found and understood, with no tensor read yet."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from eigenlm.checkpoint.assemble import check_shapes, skeleton, tensor_shapes
from eigenlm.checkpoint.dialects import Dialect
from eigenlm.checkpoint.generation import Generation
from eigenlm.checkpoint.renaming import OurTensors, find_places
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.checkpoint.tokenizer_folder import ChatTemplates
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.text.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Matrices:
    """Tensors that can be looked at, but not run.

    Attributes:
        path: the folder or file.
        tensors: under their names in the file, read when asked for.
        reason: why the model they make cannot be run, in one line; None where they make none, as those of an adapter.
    """

    path: Path
    tensors: TensorSource
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A checked model, ready to be read.

    Attributes:
        path: the folder or file.
        format: what it is.
        family: `llama`, `gpt2`, ..., or `eigenlm` for a config no family fits.
        config: what the model is.
        skeleton: the model without numbers.
        tensors: every parameter under our names, read when asked for.
        read_tokenizer: gives the tokenizer, or None where there is none.
        chat_template: its Jinja source, several by name, or None.
        generation: how its answers begin and end.
    """

    path: Path
    format: Literal["eigenlm", "hugging_face", "gguf"]
    family: str
    config: TransformerConfig
    skeleton: Transformer
    tensors: TensorSource
    read_tokenizer: Callable[[], Tokenizer | None]
    chat_template: ChatTemplates | None
    generation: Generation = field(default_factory=Generation)


def understand(
    dialect: Dialect, config: TransformerConfig, source: TensorSource, path: Path
) -> tuple[Transformer, OurTensors]:
    """The skeleton of a foreign model, and its tensors under our names, all found and all of the right sizes.

    Raises:
        CheckpointError: tensors are missing, too many, or of other sizes.
    """
    model = skeleton(config)
    shapes = tensor_shapes(model)
    tensors = OurTensors(source, find_places(dialect.of(config), shapes, source, path), config)
    check_shapes(shapes, tensors)
    return model, tensors
