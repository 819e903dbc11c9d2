"""Ways to make a matrix smaller, one file each; a plan takes offers from those it is told to use."""

import difflib
from collections.abc import Sequence

from eigenlm.compression.methods import low_rank, quantize
from eigenlm.compression.offers import Method
from eigenlm.errors import ConfigError, explain

METHODS: dict[str, Method] = {"low_rank": low_rank.offers, "int8": quantize.offers}


def methods_named(names: Sequence[str]) -> list[Method]:
    """The methods of these names.

    Raises:
        ConfigError: no name, or one that is unknown.
    """
    unknown = [name for name in names if name not in METHODS]
    if unknown or not names:
        near = difflib.get_close_matches(unknown[0], METHODS, n=1) if unknown else []
        got = repr(unknown[0]) if unknown else "none"
        hint = f"did you mean {near[0]!r}?" if near else ""
        raise ConfigError(explain("methods", expected=f"some of {', '.join(METHODS)}", got=got, do=hint))
    return [METHODS[name] for name in names]
