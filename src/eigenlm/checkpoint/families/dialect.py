"""How one file format spells one family of models: a table of config fields and a table of tensor names, both read
in both directions."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import CheckpointError, ConfigError, EigenError, explain
from eigenlm.model import TransformerConfig

_BLOCK = re.compile(r"^blocks\.(\d+)\.")


@dataclass(frozen=True)
class Place:
    """Where a file keeps one of our tensors, and how it lies there.

    Attributes:
        name: what the file calls it, with `{i}` for the number of the block in a table.
        transposed: a matrix stored as (in, out).
        part: which third of the rows of a fused query-key-value matrix.
        paired: rows of each head stored as 0, K/2, 1, K/2 + 1, ..., the order of GGML's rotation.
        also: a second name for the same tensor, which some readers want and some files have alone.
    """

    name: str
    transposed: bool = False
    part: int | None = None
    paired: bool = False
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
        constants: our fields (dotted) that have one value in every model of the family.
        fields: our fields (dotted) and what the format calls them.
        fixed: the format's keys with the only value that is read; absent or null means that value.
        defaults: the format's keys and the value that absent or null means.
        read: fields of ours that no table can give, from the format's values and its tensors.
        write: values of the format that no table can give.
        names: our modules or parameters, with `{i}`, and where the format keeps them.
        prefix: what a file without a head may leave off all names.
        twins: names under which some files repeat another tensor, or keep it alone.
        leftovers: a pattern of names that carry nothing the model needs.
    """

    family: str
    constants: Mapping[str, Any]
    fields: Mapping[str, str]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda values: {}
    read: Callable[[Mapping[str, Any], TensorSource], dict[str, Any]] = _nothing_more
    write: Callable[[TransformerConfig], dict[str, Any]] = _nothing_else
    names: Mapping[str, str | Place]
    prefix: str = ""
    twins: Mapping[str, str] = field(default_factory=dict)
    leftovers: str = r"$^"

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
        return from_dict(TransformerConfig, nested(ours), where)

    def values(self, config: TransformerConfig) -> dict[str, Any]:
        """The format's values for a model of this family.

        Raises:
            ConfigError: the format has no way to say what the config says.
        """
        ours = flat(config)
        values = {theirs: ours[name] for name, theirs in self.fields.items()}
        return {**values, **self.fixed, **self.write(config)}

    def place(self, parameter: str) -> Place:
        """Where the format keeps one of our parameters.

        Raises:
            CheckpointError: it has no name for it.
        """
        block = _BLOCK.match(parameter)
        template = _BLOCK.sub("blocks.{i}.", parameter)
        module, _, leaf = template.rpartition(".")
        exact, of_module = self.names.get(template), self.names.get(module)
        if exact is None and of_module is None:
            raise CheckpointError(explain(f"naming for {self.family}", expected="a known tensor", got=repr(parameter)))
        found = of_module if exact is None else exact
        place = found if isinstance(found, Place) else Place(str(found))
        name = place.name.replace("{i}", block[1]) if block else place.name
        return replace(place, name=name if exact is not None else f"{name}.{leaf}")


def _check_sizes(fields: Mapping[str, Any], tensors: TensorSource, where: str) -> None:
    """Refuse sizes that no tensor of the file has, before anything of that size is made."""
    widest = max((size for name in tensors for size in tensors.shape(name)), default=0)
    limits = dict.fromkeys(("d_model", "feed_forward.d_ff", "attention.head_dim"), widest) | {
        "num_layers": len(tensors)
    }
    for name, limit in limits.items():
        size = fields.get(name, 0)
        if isinstance(size, (int, float)) and not 0 <= size <= limit:
            raise CheckpointError(explain(where, expected=f"{name} of at most {limit}, as in the tensors", got=size))


def differences(config: TransformerConfig, came_back: TransformerConfig) -> list[str]:
    """Our fields that a format did not bring back; dropout is for training and is not counted."""
    before, after = flat(config), flat(came_back)
    names = (before.keys() | after.keys()) - {"dropout"}
    return sorted(name for name in names if not _same(before.get(name, "absent"), after.get(name, "absent")))


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """{'a.b': 1} as {'a': {'b': 1}}."""
    tree: dict[str, Any] = {}
    for name, value in fields.items():
        *branches, leaf = name.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return tree


def flat(config: TransformerConfig) -> dict[str, Any]:
    """Every field under its dotted name."""

    def walk(tree: Mapping[str, Any], path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in tree.items():
            found |= walk(value, f"{path}{key}.") if isinstance(value, Mapping) else {path + key: value}
        return found

    return walk(to_dict(config), "")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6)  # GGUF keeps float32
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other))
    return one == other


def refuse(family: str, expected: str, got: object) -> CheckpointError:
    """The error for a model that asks for what eigenlm does not compute."""
    return CheckpointError(explain(f"reading a {family} model", expected=expected, got=got))
