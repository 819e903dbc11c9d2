"""The one way in: a model's name or place to a model."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from eigenlm.checkpoint.adapter import CONFIG, Adapter, AdapterChanges
from eigenlm.checkpoint.assemble import fill
from eigenlm.checkpoint.damage import damage_told
from eigenlm.checkpoint.folder import FORMAT, open_folder
from eigenlm.checkpoint.generation import Generation
from eigenlm.checkpoint.gguf_model import open_gguf
from eigenlm.checkpoint.gguf_reader import GGUFFile
from eigenlm.checkpoint.hugging_face import open_hugging_face
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.locate import locate
from eigenlm.checkpoint.opened import Matrices, Opened
from eigenlm.checkpoint.quantized import dequantized
from eigenlm.checkpoint.room import Work, check_room
from eigenlm.checkpoint.safetensors_reader import SafetensorsFiles, open_safetensors
from eigenlm.checkpoint.tensors import TensorSource, storage_summary
from eigenlm.checkpoint.tokenizer_folder import ChatTemplates
from eigenlm.checkpoint.whole_matrices import WholeMatrices
from eigenlm.errors import CheckpointError, EigenError, explain
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
        chat_template: its Jinja source, several by name, or None where the model came without one.
        generation: how its answers begin and end.
        storage: bytes on disk for each kind of storage (`F32`, `Q4_1`, ...), the largest first.
    """

    path: Path
    family: str
    config: TransformerConfig
    model: Transformer
    tokenizer: Tokenizer | None
    chat_template: ChatTemplates | None
    generation: Generation
    storage: dict[str, int]


def read_model(
    where: str | Path,
    *,
    adapter: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    work: Work | None = None,
) -> Checkpoint:
    """Read a model folder (ours or Hugging Face's), a GGUF file, an installed model package or a Hub name.

    Args:
        where: a path or a name; of a LoRA adapter, its base model is read as well.
        adapter: a LoRA adapter that is merged into it.
        dtype: of the parameters.
        device: where they go.
        work: what the model is read for, whose memory is asked for with that of the weights.

    Raises:
        CheckpointError: nothing is there, or it is damaged, unknown, or holds NaN or infinite weights.
        ConfigError: its config makes no model, or there is not the memory for it.
    """
    opened = open_model(where, adapter)
    tokenizer = opened.read_tokenizer()
    check_room(opened, tokenizer, dtype=dtype, device=torch.device(device), work=work)
    return Checkpoint(
        path=opened.path,
        family=opened.family,
        config=opened.config,
        model=fill(opened.skeleton, opened.tensors, dtype=dtype, device=device),
        tokenizer=tokenizer,
        chat_template=opened.chat_template,
        generation=opened.generation,
        storage=storage_summary(opened.tensors),
    )


def open_model(where: str | Path, adapter: str | Path | None = None) -> Opened:
    """Find and check a model, or a LoRA adapter and its base, without reading a tensor; errors as in `read_model`."""
    path = locate(where)
    with damage_told(path, "settings that make a model"):
        if adapter is None and (path / CONFIG).is_file():
            return open_model(_base_of(Adapter(path), path), path)
        is_foreign = path.is_dir() and read_json_object(path / "config.json").get("format") != FORMAT
        if adapter is not None:
            if not is_foreign:
                do = "give the folder that it was trained on"
                raise CheckpointError(explain("merging an adapter", expected="a Hugging Face folder", got=path, do=do))
            return open_hugging_face(path, Adapter(locate(adapter)))
        if path.is_file():
            return open_gguf(path)
        return open_hugging_face(path) if is_foreign else open_folder(path)


def _base_of(adapter: Adapter, path: Path) -> str:
    if not adapter.base:
        do = "name the base model, and the adapter beside it"
        raise CheckpointError(explain(f"reading {path}", expected="the name of its base model", got="none", do=do))
    return adapter.base


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
    if (path / CONFIG).is_file():
        return Matrices(path=path, tensors=_changes(Adapter(path)))
    if path.is_dir() and not (path / "config.json").is_file():
        return Matrices(path=path, tensors=open_safetensors(path))
    if path.is_dir() and read_json_object(path / "config.json").get("format") == FORMAT:
        return open_folder(path)
    try:
        return open_model(path)
    except EigenError as error:
        return Matrices(path=path, tensors=GGUFFile(path) if path.is_file() else _plain(path), reason=str(error))


def _plain(folder: Path) -> TensorSource:
    """The tensors of a folder, as numbers where it is known how they are stored."""
    files = open_safetensors(folder)
    try:
        return dequantized(files, read_json_object(folder / "config.json"), folder)
    except EigenError:
        return files


def _changes(adapter: Adapter) -> AdapterChanges:
    """What an adapter changes, beside its base where that lies on this machine."""
    base = Path(adapter.base)
    at_hand = bool(adapter.base) and os.path.isfile(base / "config.json")
    return AdapterChanges(adapter, open_safetensors(base) if at_hand else None)


def open_matrices(where: str | Path) -> TensorSource:
    """As `open_tensors`, with each linear layer that is not stored dense as the one matrix that it applies."""
    found = open_any(where)
    if isinstance(found, Matrices):
        return found.tensors
    layers = linear_maps(found.skeleton)
    others = {name: layer for name, layer in layers.items() if not isinstance(layer, DenseLinear)}
    return WholeMatrices(found.tensors, others) if others else found.tensors
