"""Ways to make a matrix smaller, one file each; a plan takes offers from those it is told to use."""

from collections.abc import Sequence

from eigenlm.compression.methods import low_rank, quantize
from eigenlm.compression.offers import Method
from eigenlm.errors import ConfigError, nearest

METHODS: dict[str, Method] = {"low_rank": low_rank.offers, "int8": quantize.offers}


def methods_named(names: Sequence[str]) -> list[Method]:
    """The methods of these names.

    Raises:
        ConfigError: no name, or one that is unknown.
    """
    unknown = [name for name in names if name not in METHODS] if names else [None]
    if unknown:
        raise ConfigError(nearest("methods", unknown[0], METHODS, "some of"))
    return [METHODS[name] for name in names]
