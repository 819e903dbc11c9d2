"""How a file format spells a family of models: tables of config fields and of tensors, read in both directions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from eigenlm.checkpoint.dialects.dotted import dotted, fields_of, nested
from eigenlm.checkpoint.dialects.keys import Key, Refusal
from eigenlm.checkpoint.dialects.names import Location, Names, placed
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import CheckpointError, ConfigError, EigenError, explain
from eigenlm.model import LayerConfig, TransformerConfig, shortest_pattern


@dataclass(frozen=True)
class FileReading:
    """A file that is being read.

    Attributes:
        values: of the format.
        tensors: of the file.
        ours: the fields that are known so far.
    """

    values: Mapping[str, Any]
    tensors: TensorSource
    ours: Mapping[str, Any]


def _nothing(of: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class FamilyPart:
    """What no table can say of a family, in both directions.

    Attributes:
        read: fields of ours; where layers differ, `layers` lists for each its own, without `layer.`.
        write: values of the format.
        names: our modules or parameters that depend on the config, and where the format keeps them.
        tensors: what the format keeps in tensors and eigenlm in the config, under our names.
        misread: what the program that the format is for computes otherwise, in a sentence; None where nothing.
    """

    read: Callable[[FileReading], Mapping[str, Any]] = _nothing
    write: Callable[[TransformerConfig], Mapping[str, Any]] = _nothing
    names: Callable[[TransformerConfig], Names] = _nothing
    tensors: Callable[[TransformerConfig], Mapping[str, Tensor]] = _nothing
    misread: Callable[[TransformerConfig], str | None] = lambda config: None


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One family in one format.

    Attributes:
        family: its name, `model_type` in Hugging Face's config.json.
        constants: our fields (dotted) that have one value in every model of the family, whatever a file says; `layer.`
            begins those of each layer, `encoder_layer.` those of each layer of the encoder of an encoder-decoder.
        fields: our fields (dotted) and the keys that say them. Where no key says the width of heads, they share that of
            the stream.
        fixed: the format's keys with the only value that is read; absent or null means that value.
        defaults: the format's keys and what absent or null means: a value, or what gives it from the other values.
        absent: the format's keys and what absent means, where null means something else.
        written: the format's keys that are written and not read, with their values.
        parts: what no table can say, each under a name by which another family can replace it.
        names: our modules or parameters and where the format keeps them.
        elsewhere: where some files keep a few of them instead; none is written so.
        prefix: what a file without a head may leave off all names.
        twins: names under which some files repeat another tensor, or keep it alone.
        leftovers: a pattern of names that carry nothing the model needs.
    """

    family: str
    constants: Mapping[str, Any]
    fields: Mapping[str, str | Key]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    absent: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, FamilyPart] = field(default_factory=dict)
    names: Names
    elsewhere: Names = field(default_factory=dict)
    prefix: str = ""
    twins: Mapping[str, str] = field(default_factory=dict)
    leftovers: str = r"$^"

    def but(self, family: str, **changes: Any) -> "Dialect":
        """Another family: each mapping with more entries (`...` takes one away), everything else replaced."""
        for name, change in changes.items():
            if isinstance(change, Mapping):
                merged = {**getattr(self, name), **change}
                changes[name] = {key: value for key, value in merged.items() if value is not ...}
        return replace(self, family=family, **changes)

    def config(self, values: Mapping[str, Any], tensors: TensorSource) -> TransformerConfig:
        """The model that the format's values describe.

        Raises:
            CheckpointError: a value asks for something that eigenlm does not compute.
            ConfigError: a value is missing, of a wrong type, or makes no model.
        """
        where = f"reading a {self.family} model"
        try:
            ours = self._read(values, tensors)
        except Refusal as error:
            raise CheckpointError(explain(where, expected=error.expected, got=error.got)) from error
        except EigenError:
            raise
        except KeyError as error:
            raise ConfigError(explain(where, expected=f"the key {error}", got="nothing")) from error
        except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
            raise ConfigError(explain(where, expected="values of the right types", got=error)) from error
        return _assembled(ours, where)

    def _read(self, values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        """Our fields, dotted; `layers` has those of each layer alone."""
        for said, only in self.fixed.items():
            if values.get(said) not in (None, only):
                raise Refusal(f"{said} = {only!r}", repr(values[said])[:80])
        unsaid = {key: usual for key, usual in self.defaults.items() if values.get(key) is None}
        unsaid = {key: usual(values) if callable(usual) else usual for key, usual in unsaid.items()}
        values = {**self.absent, **values, **unsaid}
        keys = self._keys()
        ours = {name: key.ours(values[key.name]) for name, key in keys.items() if key.name in values}
        _check_sizes(ours, tensors)
        ours |= self.constants
        _share_the_stream(ours)
        for name, key in keys.items():
            if name not in ours:
                raise KeyError(key.name)
        for part in self.parts.values():
            found = dict(part.read(FileReading(values, tensors, ours)))
            layers = found.pop("layers", [{}])
            if len(layers) not in (1, ours.get("num_layers")):
                raise Refusal(f"{ours.get('num_layers')} kinds of layers", len(layers))
            ours |= {name: value for name, value in found.items() if name not in self.constants}
            ours["layers"] = _side_by_side(ours.get("layers", [{}]), layers)
        return ours

    def values(self, config: TransformerConfig) -> dict[str, Any]:
        """The format's values for a model of this family.

        Raises:
            ConfigError: the format has no way to say what the config says.
        """
        ours = fields_of(config)
        values = {key.name: key.theirs(ours.get(name)) for name, key in self._keys().items()}
        values |= {**self.fixed, **self.written}
        for part in self.parts.values():
            values |= part.write(config)
        return values

    def _keys(self) -> dict[str, Key]:
        """The keys of fields that are not the same in the whole family."""
        keys = {name: Key(key) if isinstance(key, str) else key for name, key in self.fields.items()}
        return {name: key for name, key in keys.items() if name not in self.constants}

    def tensors(self, config: TransformerConfig) -> dict[str, Tensor]:
        """What the format keeps in tensors and eigenlm in the config, under our names."""
        return {name: tensor for part in self.parts.values() for name, tensor in part.tensors(config).items()}

    def misread(self, config: TransformerConfig) -> str | None:
        """What the program that the format is for computes otherwise; None where nothing."""
        return "; ".join(told for part in self.parts.values() if (told := part.misread(config))) or None

    def of(self, config: TransformerConfig) -> "Dialect":
        """The same with all the names that a model of this config has."""
        own = {name: place for part in self.parts.values() for name, place in part.names(config).items()}
        return replace(self, names={**self.names, **own})

    def place(self, parameter: str) -> Location:
        """Where the format keeps one of our parameters.

        Raises:
            CheckpointError: it has no name for it.
        """
        found = placed(self.names, parameter)
        if found is None:
            raise CheckpointError(explain(f"naming for {self.family}", expected="a known tensor", got=repr(parameter)))
        return found

    def other_place(self, parameter: str) -> Location | None:
        """Where some files keep it instead."""
        return placed(self.elsewhere, parameter)


def _check_sizes(fields: Mapping[str, Any], tensors: TensorSource) -> None:
    """Refuse sizes that no tensor of the file has, before anything of that size is made."""
    widest = max((size for name in tensors for size in tensors.shape(name)), default=0)
    limits = dict.fromkeys(("d_model", "layer.feed_forward.d_ff", "layer.attention.head_dim"), widest)
    limits |= {"num_layers": len(tensors), "num_encoder_layers": len(tensors)}
    for name, limit in limits.items():
        size = fields.get(name, 0)
        if isinstance(size, (int, float)) and not 0 <= size <= limit:
            raise Refusal(f"{name.removeprefix('layer.')} of at most {limit}, as in the tensors", size)


def _share_the_stream(ours: dict[str, Any]) -> None:
    """What is not said of heads: as many of keys as of queries, which share the width of the stream among them."""
    for attention in ("layer.attention", "layer.cross_attention", "encoder_layer.attention"):
        heads = ours.get(f"{attention}.num_heads")
        if heads is None or "d_model" not in ours:
            continue
        if heads < 1:
            raise Refusal("at least one head", heads)
        if ours.get(f"{attention}.num_kv_heads") is None:
            ours[f"{attention}.num_kv_heads"] = heads
        if ours.get(f"{attention}.head_dim") is None:
            ours[f"{attention}.head_dim"] = shared_width(ours["d_model"], heads)


def shared_width(width: int, heads: int) -> int:
    """The width of heads that share the width of the stream among them."""
    if width % heads:
        raise Refusal(f"heads that divide the width {width}", heads)
    return width // heads


def _side_by_side(some: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fields of each layer from two lists, of which one of length 1 is for all layers."""
    count = max(len(some), len(others))
    return [{**some[i % len(some)], **others[i % len(others)]} for i in range(count)]


def _assembled(ours: dict[str, Any], where: str) -> TransformerConfig:
    """The config from dotted fields."""
    without_head = "head" in ours and ours["head"] is None
    unused = ("layers", "head.") if without_head else ("layers",)
    tree = nested({name: value for name, value in ours.items() if not name.startswith(unused)})
    uniform: list[dict[str, Any]] = [{}]
    own_fields = ours.get("layers", uniform)
    for stack, pattern, each in (("layer", "pattern", own_fields), ("encoder_layer", "encoder_pattern", uniform)):
        common = tree.pop(stack, None)
        if common is not None:
            layers = [_layer(common, own, tree.get("norm", {}), f"{where}, {stack}") for own in each]
            tree[pattern] = [to_dict(layer) for layer in shortest_pattern(layers)]
    if isinstance(tree.get("head"), dict):
        tree["head"].setdefault("kind", "vocabulary")
    return from_dict(TransformerConfig, tree, where)


def _layer(common: Mapping[str, Any], own: Mapping[str, Any], norm: Mapping[str, Any], where: str) -> LayerConfig:
    """One layer: what all have, then its own; the norm of the model, unless the layer says another."""
    tree = nested({"norm": dict(norm), **dotted(common), **own})
    tree["feed_forward"].setdefault("kind", "dense")
    for attention in ("attention", "cross_attention"):
        if tree.get(attention) is not None:
            tree[attention].setdefault("kind", "softmax")
    return from_dict(LayerConfig, tree, where)
