"""Going on with a model that is there: its architecture, its tokenizer and its weights are what a run begins with."""

import json
from dataclasses import replace
from pathlib import Path

import torch

from eigenlm.checkpoint import Generation, Opened, open_model
from eigenlm.checkpoint.assemble import fill, skeleton
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.tokenizer_folder import read_chat_template, write_tokenizer
from eigenlm.config import differing_fields, from_dict, to_dict
from eigenlm.errors import ConfigError, explain
from eigenlm.linear import DenseLinear, linear_maps
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.text import ChatTemplate
from eigenlm.training.recipe import Recipe, TokenizerRecipe

_USE = "generation.json"


def architecture(model: str | Path) -> TransformerConfig:
    """What a model is made of, for the `model` of a recipe that goes on with it; no weight is read.

    Args:
        model: a folder, a GGUF file, or a name, as `load` takes it.

    Raises:
        CheckpointError: nothing there, or it is damaged or of a kind that is not read.
    """
    return open_model(model).config


def started_from(recipe: Recipe, model: str | Path) -> Recipe:
    """The recipe with a model to go on with, and with that model's architecture and tokenizer instead of its own.

    Texts stay as long as the recipe's, if the model can read as much at once.

    Args:
        recipe: what to do with it.
        model: as of `architecture`.

    Raises:
        CheckpointError: as of `architecture`.
        ConfigError: an objective that is not for such a model.
    """
    config = architecture(model)
    return replace(
        recipe,
        name=f"{recipe.name}-from-{Path(model).name.removesuffix('.gguf')}",
        start=str(model),
        model=config,
        tokenizer=TokenizerRecipe(path=str(model)),
        data=replace(recipe.data, context_length=min(recipe.context_length, config.context_length)),
    )


def open_start(recipe: Recipe) -> Opened:
    """The model that a recipe goes on with, if it is the one that the recipe describes; no weight is read.

    Raises:
        CheckpointError: as of `architecture`.
        ConfigError: a field of the recipe's model that is another, but for dropout, or a compressed model.
    """
    opened = open_model(str(recipe.start))
    asked = replace(recipe.model, dropout=opened.config.dropout)
    for name, (there, here) in differing_fields(opened.config, asked).items():
        expected = f"{there!r}, as in {recipe.start}"
        raise ConfigError(explain(f"model.{name}", expected=expected, got=repr(here), do="leave it as it is there"))
    for name, layer in linear_maps(opened.skeleton).items():
        if not isinstance(layer, DenseLinear):
            got, do = f"{name} as {layer.kind}", "go on with the model that it was made of"
            raise ConfigError(explain(f"training {recipe.start}", expected="whole matrices", got=got, do=do))
    return opened


def started_model(config: TransformerConfig, start: Opened, device: torch.device) -> Transformer:
    """A model of a config with the weights of another of the same architecture, in float32, ready to be trained.

    Raises:
        CheckpointError: a number is NaN or infinite.
    """
    model: Transformer = fill(skeleton(config), start.tensors, dtype=torch.float32, device=device).train()
    return model


def write_use(folder: Path, start: str) -> None:
    """Keep in a folder how a model is spoken to, so that a run needs the model itself no more."""
    opened = open_model(start)
    write_tokenizer(folder, None, opened.chat_template)
    (folder / _USE).write_text(json.dumps(to_dict(opened.generation)) + "\n", encoding="utf-8")


def read_use(folder: Path) -> tuple[ChatTemplate | None, Generation]:
    """What `write_use` kept."""
    template = read_chat_template(folder)
    generation = from_dict(Generation, read_json_object(folder / _USE), str(folder / _USE))
    return None if template is None else ChatTemplate(template), generation
