"""A matrix of few bits a number: in blocks that GGUF files have, too, or on a trellis."""

from eigenlm.compression.actions import Found
from eigenlm.compression.methods import blocks, trellis
from eigenlm.compression.offers import Metric, Offer
from eigenlm.linear import LinearMap


def offers(layer: LinearMap, found: Found, metric: Metric) -> list[Offer]:
    """Those of both."""
    return [*blocks.offers(layer, found, metric), *trellis.offers(layer, found, metric)]
