"""The one way in: a model's name or place to a model."""

from dataclasses import dataclass
from pathlib import Path

import torch

from eigenlm.checkpoint import adapter
from eigenlm.checkpoint.adapter import AdapterChanges
from eigenlm.checkpoint.assemble import fill
from eigenlm.checkpoint.folder import FORMAT, open_folder
from eigenlm.checkpoint.generation import Generation
from eigenlm.checkpoint.gguf_model import open_gguf
from eigenlm.checkpoint.gguf_reader import GGUFFile
from eigenlm.checkpoint.hugging_face import open_hugging_face
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.locate import locate
from eigenlm.checkpoint.opened import Matrices, Opened, damage_told
from eigenlm.checkpoint.safetensors_reader import SafetensorsFiles, open_safetensors
from eigenlm.checkpoint.tensors import TensorSource, storage_summary
from eigenlm.checkpoint.whole_matrices import WholeMatrices
from eigenlm.errors import EigenError
from eigenlm.linear import DenseLinear, linear_maps
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.text.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model that was read.

    Attributes:
        path: the folder or file it came from.
        family: `llama`, `gpt2`, ...; `eigenlm` for our own folders.
        config: what the model is.
        model: ready for use, in eval mode.
        tokenizer: None where the model came without one.
        chat_template: its Jinja source, None where the model came without one.
        generation: how its answers begin and end.
        storage: bytes on disk for each kind of storage (`F32`, `Q4_1`, ...), the largest first.
    """

    path: Path
    family: str
    config: TransformerConfig
    model: Transformer
    tokenizer: Tokenizer | None
    chat_template: str | None
    generation: Generation
    storage: dict[str, int]


def read_model(
    where: str | Path, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Checkpoint:
    """Read a model folder (ours or Hugging Face's), a GGUF file, an installed model package or a Hub name.

    Args:
        where: a path or a name.
        dtype: of the parameters.
        device: where they go.

    Raises:
        CheckpointError: nothing is there, or it is damaged, unknown, or holds NaN or infinite weights.
        ConfigError: its config makes no model.
    """
    opened = open_model(where)
    return Checkpoint(
        path=opened.path,
        family=opened.family,
        config=opened.config,
        model=fill(opened.skeleton, opened.tensors, dtype=dtype, device=device),
        tokenizer=opened.read_tokenizer(),
        chat_template=opened.chat_template,
        generation=opened.generation,
        storage=storage_summary(opened.tensors),
    )


def open_model(where: str | Path) -> Opened:
    """Find and check a model without reading a tensor; errors as in `read_model`."""
    path = locate(where)
    with damage_told(path, "settings that make a model"):
        if path.is_file():
            return open_gguf(path)
        values = read_json_object(path / "config.json")
        return open_folder(path) if values.get("format") == FORMAT else open_hugging_face(path)


def open_tensors(where: str | Path) -> TensorSource:
    """The tensors of a model, each read when asked for; under our names if it can be run, else under their own.

    Raises:
        CheckpointError: nothing is there, or it is damaged.
    """
    return open_any(where).tensors


def open_any(where: str | Path) -> Opened | Matrices:
    """A model, or what can be looked at without running it.

    That is a LoRA adapter, as the changes it makes; a lone safetensors file or a folder of them; and a whole model that
    is not understood: of an unknown family, with a setting that is not computed, or with other tensors than it says.

    Raises:
        CheckpointError: nothing is there, or it is damaged, as is a folder of eigenlm's own with other tensors than it
            says.
        ConfigError: a folder of eigenlm's own with a config that makes no model.
    """
    path = Path(where)
    if path.suffix == ".safetensors" and path.is_file() and not (path.parent / "config.json").is_file():
        return Matrices(path=path, tensors=SafetensorsFiles([path]))
    path = locate(where)
    if (path / adapter.CONFIG).is_file():
        return Matrices(path=path, tensors=AdapterChanges(path))
    if path.is_dir() and not (path / "config.json").is_file():
        return Matrices(path=path, tensors=open_safetensors(path))
    if path.is_dir() and read_json_object(path / "config.json").get("format") == FORMAT:
        return open_folder(path)
    try:
        return open_model(path)
    except EigenError as error:
        tensors = GGUFFile(path) if path.is_file() else open_safetensors(path)
        return Matrices(path=path, tensors=tensors, reason=str(error))


def open_matrices(where: str | Path) -> TensorSource:
    """As `open_tensors`, with each linear layer that is not stored dense as the one matrix that it applies."""
    found = open_any(where)
    if isinstance(found, Matrices):
        return found.tensors
    layers = linear_maps(found.skeleton)
    others = {name: layer for name, layer in layers.items() if not isinstance(layer, DenseLinear)}
    return WholeMatrices(found.tensors, others) if others else found.tensors
