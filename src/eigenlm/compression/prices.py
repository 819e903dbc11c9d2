"""What every matrix of a model costs in every form, and what a choice of forms costs on text kept apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.compression.actions import Found, Keep
from eigenlm.compression.clock import Clock, check_timed
from eigenlm.compression.fits import Fitting
from eigenlm.compression.forecast import LossForecast, forecast
from eigenlm.compression.held_out import kept_apart
from eigenlm.compression.methods import methods_named
from eigenlm.compression.metrics import Metrics
from eigenlm.compression.offers import Metric, Offer, keep_offer
from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.allocation import choose
from eigenlm.linear import LinearMap
from eigenlm.machine.heap import keep_large_blocks_apart
from eigenlm.model import Transformer
from eigenlm.model.head import Head
from eigenlm.observe import evaluating, linears, token_table
from eigenlm.observe.linears import TABLE
from eigenlm.observe.predictions import gives_vectors
from eigenlm.observe.vocabulary_gram import vocabulary_gram

Taken = Mapping[str, Offer]
"""One offer for each matrix."""
Costs = Mapping[str, Sequence[int]]
"""What each offer for each matrix costs, in bytes or nanoseconds."""


@dataclass(frozen=True)
class Prices:
    """The offers for the matrices of a module, and text to try choices of them on.

    Attributes:
        module: as it is.
        found: its matrices, by name.
        offers: for each of them, the last of which is to keep it.
        apart: (B, T) windows that nothing was fitted to.
        whole: whether all bytes of a file count, those of the places of rows included.
        fitted_tokens: that the offers were fitted to and priced on.
        reached: how many directions of the inputs of a layer, the widest, these tokens have.
        seed: of the random generator that draws gradients.
    """

    module: nn.Module
    found: Mapping[str, Found]
    offers: Mapping[str, Sequence[Offer]]
    apart: Int[Tensor, "B T"]
    whole: bool
    fitted_tokens: int
    reached: Mapping[str, int]
    seed: int

    @property
    def num_bytes(self) -> int:
        """Bytes of the matrices as they are."""
        return sum(found.num_bytes_before for found in self.found.values())

    @property
    def sizes(self) -> Costs:
        """Bytes of each offer, as they count."""
        return {name: [self.bytes(offer) for offer in offers] for name, offers in self.offers.items()}

    @property
    def least(self) -> int:
        """Bytes of the smallest choice."""
        return sum(map(min, self.sizes.values()))

    @cached_property
    def others(self) -> int:
        """Bytes of all that is in the model beside the matrices."""
        tensors = {id(tensor): tensor.nbytes for tensor in self.module.state_dict(keep_vars=True).values()}
        return sum(tensors.values()) - self.num_bytes

    def bytes(self, offer: Offer) -> int:
        """What counts of an offer."""
        return offer.bytes + (offer.beside if self.whole else 0)

    def nanoseconds(self) -> Costs:
        """What each offer takes for one token on this machine, as it decodes."""
        return Clock().nanoseconds(matrices(self.module), self.offers)

    def choose(self, budget: int, costs: Costs | None = None) -> Taken:
        """The offers that lose least to second order within a budget.

        Args:
            budget: bytes, or the unit of the costs.
            costs: what each offer costs; its bytes by default.

        Raises:
            ConfigError: no choice is so small.
        """
        costs = costs or self.sizes
        tables = {
            name: (_wide(costs[name]), _wide([offer.loss for offer in offers])) for name, offers in self.offers.items()
        }
        choice = choose(tables, budget)
        if choice.cost > budget:
            do = "allow more, or give text that reaches every layer"
            raise ConfigError(explain("planning", expected=f"{choice.cost:,} at least", got=f"{budget:,}", do=do))
        return {name: self.offers[name][option] for name, option in choice.options.items()}

    def forecast(self, taken: Taken) -> LossForecast:
        """What a choice costs on the text kept apart."""
        layers = matrices(self.module)
        changed = (
            (name, offer.action.dense(layers[name], offer.parts()))
            for name, offer in taken.items()
            if not isinstance(offer.action, Keep)
        )
        return forecast(self.module, changed, self.apart)


def prices(
    module: nn.Module,
    windows: Int[Tensor, "B T"],
    *,
    methods: Sequence[str],
    whole: bool = False,
    timed: bool = False,
    seed: int = 0,
) -> Prices:
    """Measure a module on text and ask the methods for their offers.

    A matrix stays as it is if no token reached it, or none of those that prices are measured on.

    Args:
        module: a transformer of ours, or any module with linear layers that gives logits for ids; of an
            encoder without a head what counts are the vectors that it gives.
        windows: (B, T) calibration text; a quarter of the rows, one at least, is kept apart.
        methods: names of those that make offers, of `compression.methods.METHODS`.
        whole: count all bytes of a file, and ask for the table of tokens, too, where a model of ours scores them.
        timed: whether what its matrices take is to be asked for.
        seed: of the random generator that draws gradients.

    Raises:
        ConfigError: an unknown method, a module that gives no logits, or one that is not timed.
        DataError: fewer than two windows, or activations that are not finite.
    """
    if timed:
        check_timed(module)
    used = methods_named(methods)
    keep_large_blocks_apart()
    fitted, apart = kept_apart(windows, "planning")
    table = _of_table(module, fitted, seed) if whole else {}
    layers = {name: layer for name, layer in matrices(module).items() if name != TABLE or TABLE in table}
    found = {name: Found.of(name, layer) for name, layer in layers.items()}
    fitting = Fitting(module, layers, found, used, table, seed)
    made = fitting.fits(fitted)

    def offers(name: str) -> list[Offer]:
        return [offer for fit, losses in made.pop(name) for offer in fit.offers(losses)]

    offered = fitting.each(offers, list(made), "making offers")
    every = {name: [*offered.get(name, ()), keep_offer(layer, found[name])] for name, layer in layers.items()}
    return Prices(module, found, every, apart, whole, fitted.numel(), fitting.reached, seed)


def _wide(numbers: Sequence[int] | Sequence[float]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def _of_table(module: nn.Module, windows: Int[Tensor, "F T"], seed: int) -> Metrics:
    """The metric of the table of tokens, where it can be told."""
    if not isinstance(module, Transformer) or not (isinstance(module.head, Head) or gives_vectors(module)):
        return {}
    with evaluating(module):
        vocabulary = vocabulary_gram(module, windows, seed=seed)
    metric = Metric(vocabulary.gram, vocabulary.weights)
    return {TABLE: lambda: metric}


def matrices(module: nn.Module) -> dict[str, LinearMap]:
    """What can be planned for: the linear layers, and the table of tokens."""
    return linears(module) | token_table(module)
