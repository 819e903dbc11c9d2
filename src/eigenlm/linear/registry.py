"""Every kind of linear layer by its name, and the way from a spec to an empty layer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eigenlm.errors import ConfigError, nearest

if TYPE_CHECKING:
    from eigenlm.linear.contract import LinearMap

# A class of linear layers enters by being defined; `eigenlm.linear` imports the file of each.
LINEAR_MAPS: dict[str, type["LinearMap"]] = {}


def linear_map(spec: Any, where: str = "linear layer") -> "LinearMap":
    """The layer that a spec describes, with numbers still to come; on the meta device it takes no memory.

    Args:
        spec: what `LinearMap.spec` gave.
        where: what is being built, for the message.

    Raises:
        ConfigError: an unknown kind or field, one that is missing, or sizes that make no layer.
    """
    kind = spec.get("kind") if isinstance(spec, Mapping) else None
    if not isinstance(kind, str) or kind not in LINEAR_MAPS:
        raise ConfigError(nearest(where, kind, LINEAR_MAPS, "a kind of"))
    return LINEAR_MAPS[kind].from_spec(spec, where)
