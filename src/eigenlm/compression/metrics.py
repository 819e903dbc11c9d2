"""The metrics in which changes of a model's matrices are fitted, and those in which they are priced."""

from collections.abc import Callable, Sequence
from functools import partial

from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.compression.held_out import kept_apart
from eigenlm.compression.offers import CompressionMethod, Metric
from eigenlm.observe import evaluating
from eigenlm.observe.grams import Grams, measure

Metrics = dict[str, Callable[[], Metric]]
"""By the name of a layer what gives its metric, once: the layer's Grams are let go then."""
ToPrice = Metrics | Callable[[], Metrics]
"""Those of prices, or what measures them."""


def fitting_and_pricing(
    module: nn.Module, windows: Int[Tensor, "F T"], methods: Sequence[CompressionMethod], *, seed: int
) -> tuple[Metrics, ToPrice]:
    """Measure what a module's layers are fitted by, and their prices, or give what measures these once that is done.

    Fitted is by inputs that are weighted by the gradients that reach them, where a method weighs. Prices are of the
    same windows; but factors of low rank follow the Grams that they were made by too closely for these to tell what
    they cost on other text, and where a method is priced apart, the last quarter of the windows is for prices.

    Args:
        module: as it is.
        windows: (F, T) text.
        methods: that are going to make offers.
        seed: of the random generator that samples labels.

    Returns:
        Metrics of the layers that a token reached; prices may reach fewer.
    """
    if any(method.priced_apart for method in methods) and len(windows) > 1:
        fitted, priced = kept_apart(windows, "taking prices")
        return _weighted(module, fitted, seed), lambda: _weighted(module, priced, seed)
    weighs = any(method.weighs for method in methods)
    with evaluating(module):
        kinds = ("inputs", "outputs", "weighted") if weighs else ("inputs", "outputs")
        found = measure(module, windows, seed=seed, kinds=kinds)
    read = found.weighted_grams.take if weighs else found.input_grams.__getitem__
    to_fit: Metrics = {
        name: partial(_metric, read, found.output_grams.__getitem__, name) for name in found.output_grams
    }
    return to_fit, _taken(found.input_grams, found.output_grams)


def _weighted(module: nn.Module, windows: Int[Tensor, "F T"], seed: int) -> Metrics:
    with evaluating(module):
        found = measure(module, windows, seed=seed, kinds=("weighted", "outputs"))
    return _taken(found.weighted_grams, found.output_grams)


def _taken(inputs: Grams, outputs: Grams) -> Metrics:
    return {name: partial(_metric, inputs.take, outputs.take, name) for name in outputs}


def _metric(inputs: Callable[[str], Tensor], outputs: Callable[[str], Tensor], name: str) -> Metric:
    return Metric(inputs(name), outputs(name))
