"""How one file format spells one family of models: a table of config fields and a table of tensor names, both read
in both directions."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from eigenlm.checkpoint.families.layout import Layout, Stacked
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import CheckpointError, ConfigError, EigenError, explain
from eigenlm.model import (
    DenseFeedForward,
    LayerConfig,
    SlidingWindowConfig,
    SoftmaxConfig,
    TransformerConfig,
    VocabularyHead,
    shortest_pattern,
)
from eigenlm.tagged import Tagged

K = TypeVar("K", bound=Tagged)
_BLOCK = re.compile(r"^(blocks|encoder)\.(\d+)\.")
_EXPERT = re.compile(r"\.experts\.(\d+)\.")


@dataclass(frozen=True)
class Location:
    """Where a file keeps one of our tensors, and how it lies there.

    Attributes:
        name: what the file calls it, with `{i}` for the number of the block and `{e}` for that of an expert in a table.
        layout: the steps from its tensor to ours.
        also: a second name for the same tensor, which some readers want and some files have alone.
    """

    name: str
    layout: Layout = ()
    also: str | None = None


def _nothing_more(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    return {}


def _nothing_else(config: TransformerConfig) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One family in one format.

    Attributes:
        family: its name, `model_type` in Hugging Face's config.json.
        constants: our fields (dotted) that have one value in every model of the family; `layer.` begins those of each
            layer, `encoder_layer.` those of each layer of the encoder of an encoder-decoder.
        fields: our fields (dotted) and what the format calls them.
        fixed: the format's keys with the only value that is read; absent or null means that value.
        defaults: the format's keys and the value that absent or null means.
        read: fields of ours that no table can give, from the format's values and its tensors; where layers differ,
            `layers` (or `encoder_layers`) lists for each layer its own fields, dotted and without `layer.`.
        write: values of the format that no table can give.
        names: our modules or parameters, with `{i}` and `{e}`, and where the format keeps them.
        names_of: more names, where they depend on the config (which head it is, T5's gates).
        elsewhere: where some files keep a few of them instead; none is written so.
        prefix: what a file without a head may leave off all names.
        twins: names under which some files repeat another tensor, or keep it alone.
        leftovers: a pattern of names that carry nothing the model needs.
        misread: what the program that the format is for computes otherwise, in a sentence; None where nothing.
    """

    family: str
    constants: Mapping[str, Any]
    fields: Mapping[str, str]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda values: {}
    read: Callable[[Mapping[str, Any], TensorSource], dict[str, Any]] = _nothing_more
    write: Callable[[TransformerConfig], dict[str, Any]] = _nothing_else
    names: Mapping[str, str | Location]
    names_of: Callable[[TransformerConfig], Mapping[str, str | Location]] = _nothing_else
    elsewhere: Mapping[str, str | Location] = field(default_factory=dict)
    prefix: str = ""
    twins: Mapping[str, str] = field(default_factory=dict)
    leftovers: str = r"$^"
    misread: Callable[[TransformerConfig], str | None] = lambda config: None

    def config(self, values: Mapping[str, Any], tensors: TensorSource) -> TransformerConfig:
        """The model that the format's values describe.

        Raises:
            CheckpointError: a value asks for something that eigenlm does not compute.
            ConfigError: a value is missing, of a wrong type, or makes no model.
        """
        where = f"reading a {self.family} model"
        for key, only in self.fixed.items():
            if values.get(key) not in (None, only):
                raise CheckpointError(explain(where, expected=f"{key} = {only!r}", got=repr(values[key])[:80]))
        try:
            absent = {key: value for key, value in self.defaults(values).items() if values.get(key) is None}
            values = {**values, **absent}
            fields = {ours: values[theirs] for ours, theirs in self.fields.items() if theirs in values}
            _check_sizes(fields, tensors, where)
            ours = {**self.constants, **fields, **self.read(values, tensors)}
            for name, theirs in self.fields.items():
                if name not in ours:
                    raise KeyError(theirs)
        except EigenError:
            raise
        except KeyError as error:
            raise ConfigError(explain(where, expected=f"the key {error}", got="nothing")) from error
        except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
            raise ConfigError(explain(where, expected="values of the right types", got=error)) from error
        return _assembled(ours, where)

    def values(self, config: TransformerConfig) -> dict[str, Any]:
        """The format's values for a model of this family.

        Raises:
            ConfigError: the format has no way to say what the config says.
        """
        ours = {
            **_flat(config),
            **_prefixed("layer", config.pattern),
            **_prefixed("encoder_layer", config.encoder_pattern),
        }
        values = {theirs: ours.get(name) for name, theirs in self.fields.items()}
        return {**values, **self.fixed, **self.write(config)}

    def of(self, config: TransformerConfig) -> "Dialect":
        """The same with all the names that a model of this config has."""
        return replace(self, names={**self.names, **self.names_of(config)})

    def place(self, parameter: str) -> Location:
        """Where the format keeps one of our parameters.

        Raises:
            CheckpointError: it has no name for it.
        """
        found = _place(self.names, parameter)
        if found is None:
            raise CheckpointError(explain(f"naming for {self.family}", expected="a known tensor", got=repr(parameter)))
        return found

    def other_place(self, parameter: str) -> Location | None:
        """Where some files keep it instead."""
        return _place(self.elsewhere, parameter)


def _place(names: Mapping[str, str | Location], parameter: str) -> Location | None:
    """The place of a parameter in a table of places."""
    block, expert = _BLOCK.match(parameter), _EXPERT.search(parameter)
    template = _EXPERT.sub(".experts.{e}.", _BLOCK.sub(r"\1.{i}.", parameter))
    module, _, leaf = template.rpartition(".")
    exact, of_module = names.get(template), names.get(module)
    found = of_module if exact is None else exact
    if found is None:
        return None
    place = found if isinstance(found, Location) else Location(found)
    name = place.name if exact is not None else f"{place.name}.{leaf}"
    layout = place.layout
    if block is not None:
        name = name.replace("{i}", block[2])
    if expert is not None:
        name = name.replace("{e}", expert[1])
        layout = tuple(Stacked(int(expert[1])) if step == Stacked() else step for step in layout)
    return replace(place, name=name, layout=layout)


def _assembled(ours: dict[str, Any], where: str) -> TransformerConfig:
    """The config from dotted fields."""
    tree = nested({name: value for name, value in ours.items() if name not in ("layers", "encoder_layers")})
    for stack, count, pattern in (
        ("layer", "num_layers", "pattern"),
        ("encoder_layer", "num_encoder_layers", "encoder_pattern"),
    ):
        fields = tree.pop(stack, None)
        if fields is None:
            continue
        each = ours.get(f"{stack}s") or [{}]
        layers = [_layer(fields, own, tree.get("norm", {}), f"{where}, {stack}") for own in each]
        tree[pattern] = [to_dict(layer) for layer in shortest_pattern(layers)]
        if len(each) > 1 and len(each) != tree.get(count):
            raise ConfigError(explain(where, expected=f"{tree.get(count)} kinds of layers", got=len(each)))
    if isinstance(tree.get("head"), dict):
        tree["head"].setdefault("kind", "vocabulary")
    return from_dict(TransformerConfig, tree, where)


def _layer(fields: Mapping[str, Any], own: Mapping[str, Any], norm: Mapping[str, Any], where: str) -> LayerConfig:
    """One layer: what all have, then its own; the norm of the model, unless the layer says another."""
    tree = nested({"norm": dict(norm), **_dotted(fields), **own})
    tree["attention"].setdefault("kind", "softmax")
    tree["feed_forward"].setdefault("kind", "dense")
    if tree.get("cross_attention") is not None:
        tree["cross_attention"].setdefault("kind", "softmax")
    return from_dict(LayerConfig, tree, where)


def _check_sizes(fields: Mapping[str, Any], tensors: TensorSource, where: str) -> None:
    """Refuse sizes that no tensor of the file has, before anything of that size is made."""
    widest = max((size for name in tensors for size in tensors.shape(name)), default=0)
    limits = dict.fromkeys(("d_model", "layer.feed_forward.d_ff", "layer.attention.head_dim"), widest)
    limits |= {"num_layers": len(tensors), "num_encoder_layers": len(tensors)}
    for name, limit in limits.items():
        size = fields.get(name, 0)
        if isinstance(size, (int, float)) and not 0 <= size <= limit:
            expected = f"{name.removeprefix('layer.')} of at most {limit}, as in the tensors"
            raise CheckpointError(explain(where, expected=expected, got=size))


def differences(config: TransformerConfig, came_back: TransformerConfig) -> list[str]:
    """Our fields that a format did not bring back; dropout is for training and is not counted."""
    before, after = _flat(config), _flat(came_back)
    names = (before.keys() | after.keys()) - {"dropout"}
    return sorted(name for name in names if not _same(before.get(name, "absent"), after.get(name, "absent")))


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """{'a.b': 1} as {'a': {'b': 1}}; what comes later is written over what came before."""
    tree: dict[str, Any] = {}
    for name, value in fields.items():
        *branches, leaf = name.split(".")
        node = tree
        for branch in branches:
            if not isinstance(node.get(branch), dict):
                node[branch] = {}
            node = node[branch]
        node[leaf] = dict(value) if isinstance(value, Mapping) else value
    return tree


def _dotted(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """{'a': {'b': 1}} as {'a.b': 1}."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _dotted(value, f"{path}{key}.") if isinstance(value, Mapping) else {path + key: value}
    return found


def _flat(config: TransformerConfig) -> dict[str, Any]:
    """Every field under its dotted name, each layer by itself."""
    tree = to_dict(replace(config, pattern=config.layers, encoder_pattern=config.encoder_layers))
    stacks = {name: tree.pop(f"{name}pattern") for name in ("", "encoder_")}
    layers = {f"{name}layers": {str(i): layer for i, layer in enumerate(stack)} for name, stack in stacks.items()}
    return _dotted({**tree, **layers})


def _prefixed(name: str, pattern: Sequence[LayerConfig]) -> dict[str, Any]:
    return _dotted({name: to_dict(pattern[0])}) if pattern else {}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6)  # GGUF keeps float32
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other))
    return one == other


def refuse(family: str, expected: str, got: object) -> CheckpointError:
    """The error for a model that asks for what eigenlm does not compute."""
    return CheckpointError(explain(f"reading a {family} model", expected=expected, got=got))


def equal_heads(family: str, heads: int, width: int) -> dict[str, Any]:
    """Our fields for heads that share the width of the stream among them.

    Raises:
        CheckpointError: they do not divide it.
    """
    if heads < 1 or width % heads:
        raise refuse(family, f"heads that divide the width {width}", heads)
    return {
        "layer.attention.num_heads": heads,
        "layer.attention.num_kv_heads": heads,
        "layer.attention.head_dim": width // heads,
    }


def windowed(windows: Sequence[int | None]) -> list[dict[str, Any]]:
    """The `layers` of a family whose layers differ in their window alone; None for a layer without one."""
    return [
        {"attention.kind": "softmax"}
        if window is None
        else {"attention.kind": "sliding_window", "attention.window": window}
        for window in windows
    ]


def windows_of(config: TransformerConfig) -> list[int | None]:
    """The window of each layer, None for one without."""
    attentions = [layer.attention for layer in config.layers]
    return [attention.window if isinstance(attention, SlidingWindowConfig) else None for attention in attentions]


def softmax_of(config: TransformerConfig) -> SoftmaxConfig:
    """The attention of the first layer, for what is the same in all.

    Raises:
        ConfigError: it is of another kind.
    """
    return _of_kind(config.layers[0].attention, SoftmaxConfig)


def encoder_softmax_of(config: TransformerConfig) -> SoftmaxConfig:
    """The attention of the first layer of an encoder-decoder's encoder, for what is the same in all.

    Raises:
        ConfigError: it is of another kind, or there is no such encoder.
    """
    if not config.encoder_layers:
        raise ConfigError(explain("naming a layer", expected="an encoder_decoder", got=config.kind))
    return _of_kind(config.encoder_layers[0].attention, SoftmaxConfig)


def dense_of(config: TransformerConfig) -> DenseFeedForward:
    """The feed-forward of the first layer, for what is the same in all.

    Raises:
        ConfigError: it is of another kind.
    """
    return _of_kind(config.layers[0].feed_forward, DenseFeedForward)


def vocabulary_of(config: TransformerConfig) -> VocabularyHead | None:
    """The head, None where there is none.

    Raises:
        ConfigError: it is of another kind.
    """
    return None if config.head is None else _of_kind(config.head, VocabularyHead)


def is_tied(config: TransformerConfig) -> bool:
    """Whether there is a head, and its matrix is the embedding's."""
    head = vocabulary_of(config)
    return head is not None and head.tied


def _of_kind(config: Tagged, kind: type[K]) -> K:
    if not isinstance(config, kind):
        raise ConfigError(explain("naming a layer", expected=kind.kind, got=config.kind))
    return config
