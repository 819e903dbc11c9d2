"""Configs as flat tables of fields with dotted names, `layer.attention.num_heads`."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.config import to_dict
from eigenlm.model import TransformerConfig


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


def dotted(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """{'a': {'b': 1}} as {'a.b': 1}."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= dotted(value, f"{path}{key}.") if isinstance(value, Mapping) else {path + key: value}
    return found


def fields_of(config: TransformerConfig) -> dict[str, Any]:
    """Every field; `layer.` and `encoder_layer.` begin those of the first layer of each stack."""
    firsts = {"layer": config.pattern[:1], "encoder_layer": config.encoder_pattern[:1]}
    return dotted({**to_dict(config), **{name: to_dict(first[0]) for name, first in firsts.items() if first}})


def differences(config: TransformerConfig, came_back: TransformerConfig) -> dict[str, Any]:
    """Our fields that a format did not bring back, and what it brought; dropout is for training and not counted."""
    before, after = _each_layer(config), _each_layer(came_back)
    names = (before.keys() | after.keys()) - {"dropout"}
    changed = (name for name in names if not _same(before.get(name, "absent"), after.get(name, "absent")))
    return {name: after.get(name, "absent") for name in sorted(changed)}


def _each_layer(config: TransformerConfig) -> dict[str, Any]:
    """Every field, each layer by itself."""
    tree = to_dict(replace(config, pattern=config.layers, encoder_pattern=config.encoder_layers))
    stacks = {name: tree.pop(f"{name}pattern") for name in ("", "encoder_")}
    layers = {f"{name}layers": {str(i): layer for i, layer in enumerate(stack)} for name, stack in stacks.items()}
    return dotted({**tree, **layers})


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6)  # GGUF keeps float32
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other))
    return one == other
