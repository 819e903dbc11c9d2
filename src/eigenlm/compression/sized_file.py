"""A GGUF file of a given size, each matrix in the type for which all together lose least."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gguf.constants import GGUF_DEFAULT_ALIGNMENT

from eigenlm.checkpoint import gguf_size, gguf_sources, write_gguf
from eigenlm.compression.actions import Keep
from eigenlm.compression.methods.blocks import TYPES, FewBits
from eigenlm.compression.offers import Offer
from eigenlm.compression.prices import Prices, Taken, matrices
from eigenlm.errors import ConfigError, EigenError, explain
from eigenlm.model import Transformer
from eigenlm.observe import replaced

_STORAGE = "Q8_0"  # of what has no offer


def write_sized(path: str | Path, model: Transformer, found: Prices, num_bytes: int, **parts: Any) -> Taken:
    """Write a GGUF file of at most so many bytes; returns what was chosen for each matrix.

    Args:
        path: the file.
        model: that the prices are of.
        found: the offers of the method `bits`, for the whole model.
        num_bytes: of the file.
        parts: what else `write_gguf` takes.

    Raises:
        ConfigError: no choice of types is so small.
    """
    budget, groups, layers = num_bytes - found.others, gguf_sources(model, **parts), matrices(model)
    while True:
        if budget < found.least:
            expected, got = f"{num_bytes + found.least - budget:,} bytes at least", f"{num_bytes:,}"
            raise ConfigError(explain("size of a GGUF file", expected=expected, got=got, do="ask for a larger file"))
        taken = _of_one_type_each(found.choose(budget), found, groups)
        built = {
            name: offer.action.build(layers[name], offer.parts())
            for name, offer in taken.items()
            if not isinstance(offer.action, Keep)
        }
        with replaced(model, built):
            excess = gguf_size(model, _STORAGE, **parts) - num_bytes
            if excess <= 0:
                write_gguf(path, model, storage=_STORAGE, **parts)
                return taken
        budget -= excess


def beside_matrices(model: Transformer, found: Prices, **parts: Any) -> int | None:
    """Bytes of a GGUF file beside the matrices, vocabulary and padding included; None where it cannot hold the model.

    Args:
        model: that the prices are of.
        found: its matrices.
        parts: what else `write_gguf` takes.
    """
    try:
        whole = gguf_size(model, "F32", multiply_out=True, **parts)
    except EigenError:
        return None
    return whole - sum(4 * each.rows * each.columns - GGUF_DEFAULT_ALIGNMENT for each in found.found.values())


def _of_one_type_each(taken: Taken, found: Prices, groups: Sequence[Sequence[str]]) -> Taken:
    """What lies in one tensor of the file has the widest of the types that were chosen for it."""
    unified = dict(taken)
    for group in groups:
        names = [name for name in group if name in unified]
        widest = max((_width(unified[name]) for name in names), default=0)
        for name in names:
            unified[name] = next(offer for offer in found.offers[name] if _width(offer) == widest)
    return unified


def _width(offer: Offer) -> int:
    """Its place among the types, the last of all for what is kept."""
    assert isinstance(offer.action, Keep | FewBits)
    return len(TYPES) if isinstance(offer.action, Keep) else TYPES.index(offer.action.type)
