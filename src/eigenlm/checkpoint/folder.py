"""eigenlm model folders: config.json, model.safetensors under our own names, tokenizer files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eigenlm.checkpoint.assemble import check_shapes, skeleton, tensor_shapes
from eigenlm.checkpoint.folder_version_1 import from_version_1
from eigenlm.checkpoint.generation import Generation
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.opened import Opened
from eigenlm.checkpoint.renaming import first_of
from eigenlm.checkpoint.safetensors_reader import open_safetensors
from eigenlm.checkpoint.safetensors_writer import save_tensors
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.checkpoint.tokenizer_folder import ChatTemplates, read_chat_template, read_tokenizer, write_tokenizer
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import CheckpointError, explain
from eigenlm.files import whole_folder
from eigenlm.linear import DenseLinear, linear_maps
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.text.tokenizer import Tokenizer

FORMAT = "eigenlm"
VERSION = 2


def open_folder(folder: Path) -> Opened:
    """Understand an eigenlm folder.

    In version 2 the config holds the specs of the layers that are not dense; in version 1 they follow from the tensors.

    Raises:
        CheckpointError: another version, or tensors that do not fit the config.
        ConfigError: a config that makes no model.
    """
    values = read_json_object(folder / "config.json")
    version = values.get("version")
    if version == 1:
        values["model"] = from_version_1(values.get("model", {}))
    elif version != VERSION:
        got = f"version {version!r}"
        raise CheckpointError(explain(f"reading {folder}", expected=f"version {VERSION}", got=got, do="update eigenlm"))
    config = from_dict(TransformerConfig, values.get("model", {}), f"{folder / 'config.json'} model")
    tensors = open_safetensors(folder)
    if (blocks := config.num_layers + config.num_encoder_layers) > len(tensors):
        raise CheckpointError(explain(f"reading {folder}", expected=f"{blocks} blocks", got=f"{len(tensors)} tensors"))
    model = skeleton(config, _thin_layers(tensors, folder) if version == 1 else _specs(values, folder))
    shapes = tensor_shapes(model)
    if missing := [name for name in shapes if name not in tensors]:
        expected = f"tensors {first_of(missing)}"
        raise CheckpointError(explain(f"reading {folder}", expected=expected, got="none of that name"))
    if unexpected := [name for name in tensors if name not in shapes]:
        raise CheckpointError(
            explain(f"reading {folder}", expected="only the model's tensors", got=first_of(unexpected))
        )
    check_shapes(shapes, tensors)
    return Opened(
        path=folder,
        format="eigenlm",
        family=FORMAT,
        config=config,
        skeleton=model,
        tensors=tensors,
        read_tokenizer=lambda: read_tokenizer(folder),
        chat_template=read_chat_template(folder),
        generation=from_dict(Generation, values.get("generation", {}), f"{folder / 'config.json'} generation"),
    )


def write_folder(
    path: str | Path,
    model: Transformer,
    *,
    tokenizer: Tokenizer | None = None,
    chat_template: ChatTemplates | None = None,
    generation: Generation | None = None,
) -> None:
    """Write an eigenlm folder, whole or not at all; layers that are not dense stay what they are.

    Raises:
        DataError: `path` is in use or cannot be written.
    """
    specs = {name: layer.spec() for name, layer in linear_maps(model).items() if not isinstance(layer, DenseLinear)}
    values = {"format": FORMAT, "version": VERSION, "model": to_dict(model.config), "linears": specs}
    if generation is not None and generation != Generation():
        values["generation"] = to_dict(generation)
    with whole_folder(path) as folder:
        save_tensors(model.state_dict(), folder / "model.safetensors")
        write_tokenizer(folder, tokenizer, chat_template)
        (folder / "config.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _specs(values: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    specs = values.get("linears", {})
    if not isinstance(specs, Mapping):
        raise CheckpointError(explain(f"reading {folder}", expected="linears: a spec for each name", got=repr(specs)))
    return specs


def _thin_layers(tensors: TensorSource, folder: Path) -> dict[str, dict[str, Any]]:
    """A layer with a tensor `A` is low-rank; with `K` beside it, told by rows of its own."""
    found = {}
    for factor in (name for name in tensors if name.endswith(".A")):
        name, shape = factor.removesuffix(".A"), tensors.shape(factor)
        other = f"{name}.K" if f"{name}.K" in tensors else f"{name}.B"
        if len(shape) != 2 or (other in tensors and len(tensors.shape(other)) != 2):
            raise CheckpointError(explain(f"reading {folder}", expected=f"{factor} with two sizes", got=shape))
        R, columns = shape
        rows = tensors.shape(other)[0] if other in tensors else 0
        found[name] = {
            "kind": "interpolative" if other.endswith(".K") else "low_rank",
            "in_features": columns,
            "out_features": rows + R if other.endswith(".K") else rows,
            "rank": R,
            "bias": f"{name}.bias" in tensors,
        }
    return found
