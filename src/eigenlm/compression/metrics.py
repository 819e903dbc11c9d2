"""The metric of each matrix of a model: what a change costs on text, and what changes are fitted by."""

from collections.abc import Callable, Sequence
from functools import partial

from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.compression.held_out import kept_apart
from eigenlm.compression.offers import CompressionMethod, Metric
from eigenlm.observe.grams import Measurement, measure

Metrics = dict[str, Callable[[], Metric]]
"""By the name of a layer what gives its metric, once: the layer's Grams are let go then."""
_WEIGHTED = ("weighted", "outputs")


def measured_metrics(
    module: nn.Module, windows: Int[Tensor, "F T"], methods: Sequence[CompressionMethod], *, seed: int
) -> Metrics:
    """Of each matrix that a token reached.

    Where a method prices apart what it fits, the last quarter of the windows is for prices: factors of low rank follow
    the Grams that they were made by too closely for these to tell what they cost on other text.

    Args:
        module: as it is.
        windows: (F, T) text to fit to.
        methods: that are going to make offers.
        seed: of the random generator that samples labels.
    """
    if any(method.priced_apart for method in methods) and len(windows) > 1:
        fitted, priced = (
            measure(module, part, seed=seed, kinds=_WEIGHTED) for part in kept_apart(windows, "taking prices")
        )
        return {name: partial(_priced_apart, fitted, priced, name) for name in fitted.output_grams}
    weighs = any(method.weighs for method in methods)
    found = measure(module, windows, seed=seed, kinds=("inputs", *_WEIGHTED) if weighs else ("inputs", "outputs"))
    return {name: partial(_priced_as_fitted, found, name, weighs=weighs) for name in found.output_grams}


def _priced_apart(fitted: Measurement, priced: Measurement, name: str) -> Metric:
    """Prices of a layer that none of their tokens reached are those of the text that it is fitted to."""
    fit = Metric(fitted.weighted_grams.take(name), fitted.output_grams.take(name))
    if name not in priced.output_grams:
        return fit
    return Metric(priced.weighted_grams.take(name), priced.output_grams.take(name), fit)


def _priced_as_fitted(found: Measurement, name: str, *, weighs: bool) -> Metric:
    G = found.output_grams.take(name)
    fit = Metric(found.weighted_grams.take(name), G) if weighs else None
    return Metric(found.input_grams.take(name), G, fit)
