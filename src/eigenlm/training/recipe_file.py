"""A recipe from its file: one function, one dial, and fields that a command line may set."""

import copy
import inspect
import runpy
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from eigenlm.config import from_dict, parse_change, to_dict
from eigenlm.errors import ConfigError, EigenError, did_you_mean, explain
from eigenlm.files import SETTINGS, regular
from eigenlm.recipe_names import find_recipe
from eigenlm.tagged import Tagged
from eigenlm.training.recipe import Recipe
from eigenlm.training.start import started_from

_ORDER = {"num_layers": 0, "kind": 1}  # what decides which other fields there are, is set before them
_OPEN = object()  # a field that a kind has, without a value yet


def read_recipe(
    path: str | Path, *, depth: int | None = None, start: str | None = None, changes: Sequence[str] = ()
) -> Recipe:
    """Run a recipe's file and set fields of what it gives.

    Args:
        path: the name of a recipe that comes with eigenlm, such as `gpt_small`, or a Python file that defines
            `recipe(depth: int = ...) -> Recipe`, or `recipe(start: str = ...)` of a model to go on with. It is run:
            give only files you trust.
        depth: the dial; the recipe's own by default.
        start: a model to go on with instead of a new one; see `started_from`.
        changes: `field=value`, such as `train.steps=200`; values as in Python, or plain words.

    Raises:
        ConfigError: no such file or function, an unknown field, or a value of the wrong type.
        CheckpointError: no model to go on with.
    """
    file = find_recipe(path)
    found = _function(file)
    taken = inspect.signature(found).parameters
    if depth is not None and "depth" not in taken:
        raise ConfigError(explain("--depth", expected="a recipe with that dial", got=path, do="leave it out"))
    dials = {"depth": depth, "start": start}
    with _running(file):
        recipe = found(**{name: value for name, value in dials.items() if value is not None and name in taken})
    if not isinstance(recipe, Recipe):
        raise ConfigError(explain(f"{path} recipe()", expected="a Recipe", got=type(recipe).__name__))
    if start is not None and "start" not in taken:
        recipe = started_from(recipe, start)
    return with_changes(recipe, changes)


def with_changes(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """The recipe with fields set by `field=value`; errors as in `read_recipe`."""
    values = to_dict(recipe)
    named = [parse_change(change, "train.steps=200") for change in changes]
    for name, value in sorted(named, key=lambda change: _ORDER.get(change[0].rpartition(".")[2], len(_ORDER))):
        _set(values, name, value)
    _pair_stacks(values["model"])
    return from_dict(Recipe, _without_open(values), "recipe")


def _pair_stacks(model: dict[str, Any]) -> None:
    """Give a decoder that became the half of an encoder-decoder an encoder of its own layers, and attention to it."""
    if model["kind"] != "encoder_decoder" or model["encoder_pattern"]:
        return
    model["encoder_pattern"] = copy.deepcopy(model["pattern"])
    for layer in model["pattern"]:
        layer["cross_attention"] = {**layer["attention"], "kind": "softmax", "rotary": None}
        layer["cross_attention"].pop("window", None)


def _set(values: dict[str, Any], name: str, value: Any) -> None:
    """Set a field; one of a layer, named without a number, in every layer."""
    room, _, rest = name.partition(".")
    places = [name] if room != "model" else [f"model.{place}" for place in _in_layers(values["model"], rest)]
    found = [place for place in places if _set_one(values, place, value)]
    if not found:
        do = did_you_mean(name, _names(values), "see the recipe's fields with --dry-run")
        raise ConfigError(explain("--set", expected="a field of the recipe", got=repr(name), do=do))


def _in_layers(model: dict[str, Any], name: str) -> list[str]:
    """Where a field stands: `layers.1.attention.kind` in one layer, `attention.num_heads` in each of them."""
    if name.startswith("layers."):
        pattern = model["pattern"]
        model["pattern"] = [copy.deepcopy(pattern[i % len(pattern)]) for i in range(model["num_layers"])]
        return [name.replace("layers.", "pattern.", 1)]
    each = [f"{stack}.{i}" for stack in ("pattern", "encoder_pattern") for i in range(len(model[stack]))]
    inner = [name, name.replace("attention.", "cross_attention.", 1)] if name.startswith("attention.") else [name]
    return [name, *(f"{layer}.{field}" for layer in each for field in inner)]


def _set_one(values: Any, name: str, value: Any) -> bool:
    """Set a field if it is there, a number in its name being the place in a list; return whether it was."""
    *groups, last = name.split(".")
    place = values
    for group in groups:
        if isinstance(place, list):
            place = place[int(group)] if group.isdigit() and int(group) < len(place) else None
        else:
            place = place.get(group) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        return False
    if last == "kind":
        _turn(place, value)
    is_listed = isinstance(value, str) and isinstance(place.get(last), list)  # such as train.curves=csv,wandb
    place[last] = [part.strip() for part in value.split(",")] if is_listed else value
    return True


def _turn(place: dict[str, Any], kind: Any) -> None:
    """Give a tagged config the fields of another kind: what both have stays, the rest is open."""
    for family in Tagged.__subclasses__():
        if isinstance(kind, str) and {place["kind"], kind} <= family.kinds.keys():
            kept = {field.name: place.get(field.name, _OPEN) for field in fields(family.kinds[kind])}  # type: ignore[arg-type]
            place.clear()
            place.update(kept)
            return


def _without_open(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: _without_open(value) for name, value in values.items() if value is not _OPEN}
    return [_without_open(value) for value in values] if isinstance(values, list) else values


def _function(path: Path) -> Callable[..., Any]:
    with _running(path):
        found = runpy.run_path(str(regular(path, most=SETTINGS))).get("recipe")
    if not callable(found) or not inspect.signature(found).parameters.keys() & {"depth", "start"}:
        expected = "a function recipe(depth: int = ...)"
        raise ConfigError(explain(f"reading {path}", expected=expected, got="none"))
    return found


@contextmanager
def _running(path: Path) -> Iterator[None]:
    """What a recipe's file raises as one line that names its own line; errors of ours pass."""
    try:
        yield
    except EigenError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f"{path}, line {lines[-1]}" if lines else path
        got = f"{type(error).__name__}: {error}"
        raise ConfigError(explain(f"running {where}", expected="a recipe", got=got)) from error


def _names(values: Any) -> list[str]:
    """Every field; those of layers without their numbers."""
    names = []
    for key, value in values.items():
        layers = value if key in ("pattern", "encoder_pattern") else []
        names += [name for layer in layers for name in _names(layer)]
        names += [f"{key}.{name}" for name in _names(value)] if isinstance(value, dict) else [key]
    return names
