"""The metrics in which changes of a model's matrices are fitted, and those in which they are priced."""

from collections.abc import Callable
from functools import partial

from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.compression.offers import Metric
from eigenlm.observe import evaluating
from eigenlm.observe.grams import Grams, Measurement, measure

Metrics = dict[str, Callable[[], Metric]]
"""By the name of a layer what gives its metric, once: the layer's Grams are let go then."""


def weighted_metrics(module: nn.Module, windows: Int[Tensor, "F T"], *, seed: int, halved: bool = False) -> Metrics:
    """Of the layers that a token reaches, by inputs that are weighted by the gradients that reach them.

    Args:
        module: as it is.
        windows: (F, T) text.
        seed: of the random generator that draws gradients.
        halved: whether they are kept to three digits, in half of the memory.
    """
    found = _measured(module, windows, ("weighted", "outputs"), seed)
    if halved:
        found.weighted_grams.halve_()
        found.output_grams.halve_()
    return _taken(found.weighted_grams, found.output_grams)


def metrics_to_fit_and_price(
    module: nn.Module, windows: Int[Tensor, "F T"], *, weighs: bool, seed: int
) -> tuple[Metrics, Metrics]:
    """Of the layers that a token reaches: by weighted inputs, where methods weigh, and by inputs as they are.

    Args:
        module: as it is.
        windows: (F, T) text.
        weighs: whether a method fits by weighted inputs.
        seed: of the random generator that draws gradients.
    """
    found = _measured(module, windows, ("inputs", "outputs", "weighted") if weighs else ("inputs", "outputs"), seed)
    read = found.weighted_grams.take if weighs else found.input_grams.__getitem__
    to_fit: Metrics = {
        name: partial(_metric, read, found.output_grams.__getitem__, name) for name in found.output_grams
    }
    return to_fit, _taken(found.input_grams, found.output_grams)


def _measured(module: nn.Module, windows: Tensor, kinds: tuple[str, ...], seed: int) -> Measurement:
    with evaluating(module):
        return measure(module, windows, seed=seed, kinds=kinds)


def _taken(inputs: Grams, outputs: Grams) -> Metrics:
    return {name: partial(_metric, inputs.take, outputs.take, name) for name in outputs}


def _metric(inputs: Callable[[str], Tensor], outputs: Callable[[str], Tensor], name: str) -> Metric:
    return Metric(inputs(name), outputs(name))
