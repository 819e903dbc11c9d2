"""Ways to make a matrix smaller, one file each; a plan takes offers from those it is told to use."""

from collections.abc import Sequence

from eigenlm import allowed
from eigenlm.compression.methods import bits, low_rank, quantize
from eigenlm.compression.offers import Method

METHODS: dict[str, Method] = dict(zip(allowed.METHODS, (low_rank.offers, quantize.offers, bits.offers), strict=True))


def methods_named(names: Sequence[str]) -> list[Method]:
    """The methods of these names.

    Raises:
        ConfigError: no name, or one that is unknown.
    """
    allowed.check_methods(names)
    return [METHODS[name] for name in names]
