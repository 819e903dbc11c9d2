"""Ways to make a matrix smaller, one file each; a plan takes offers from those it is told to use."""

from collections.abc import Sequence

from eigenlm import allowed
from eigenlm.compression.methods import blocks, low_rank, quantize, trellis
from eigenlm.compression.offers import CompressionMethod

_EACH = (low_rank.METHOD, quantize.METHOD, blocks.METHOD, trellis.METHOD)
METHODS: dict[str, CompressionMethod] = dict(zip(allowed.METHODS, _EACH, strict=True))


def methods_named(names: Sequence[str]) -> list[CompressionMethod]:
    """The methods of these names.

    Raises:
        ConfigError: no name, or one that is unknown.
    """
    allowed.check_methods(names)
    return [METHODS[name] for name in names]
