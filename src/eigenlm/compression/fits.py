"""What methods make of the matrices of a module, and what that costs on text."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.compression.actions import Found
from eigenlm.compression.held_out import kept_apart
from eigenlm.compression.metrics import Metrics, metrics_to_fit_and_price, weighted_metrics
from eigenlm.compression.offers import CompressionMethod, Fit, Metric
from eigenlm.linear import LinearMap
from eigenlm.machine.heap import give_back_freed_memory
from eigenlm.observe.linears import TABLE
from eigenlm.progress import track

Priced = tuple[Fit, list[float]]
"""What a method made of a matrix, and the loss of each of its changes."""
Made = TypeVar("Made")


@dataclass(frozen=True)
class Fitting:
    """Methods at work on the matrices of a module.

    Attributes:
        module: as it is.
        layers: those of its linear maps that are asked for.
        found: what they are.
        methods: that make changes.
        table: the metric of the table of tokens, where that is asked for, which is told beforehand.
        seed: of the random generator that draws gradients.
        reached: of the layer with the widest inputs, once it was fitted, how many directions of these the text has.
    """

    module: nn.Module
    layers: Mapping[str, LinearMap]
    found: Mapping[str, Found]
    methods: Sequence[CompressionMethod]
    table: Metrics
    seed: int
    reached: dict[str, int] = field(default_factory=dict)

    def fits(self, windows: Int[Tensor, "F T"]) -> dict[str, list[Priced]]:
        """What each method made of each layer that the text reaches, and its prices.

        Prices are of the text that was fitted to. But factors of low rank follow it too closely for that to tell what
        they cost elsewhere: a method that rehearses is fitted to the first three quarters and priced on the last, and
        then fitted again to all. Layers that one of both parts does not reach have no prices.
        """
        if any(method.rehearses for method in self.methods) and len(windows) > 1:
            return self._rehearsed(windows)
        weighs = any(method.weighs for method in self.methods)
        to_fit, to_price = metrics_to_fit_and_price(self.module, windows, weighs=weighs, seed=self.seed)
        to_fit, to_price = self._asked(to_fit), self._asked(to_price)

        def priced(name: str) -> list[Priced]:
            metric = self._noted(name, to_fit.pop(name)())
            fits = [self._fit(method, name, metric) for method in self.methods]
            metric = to_price.pop(name)()
            return [(fit, fit.losses(metric)) for fit in fits]

        return self.each(priced, list(to_fit), "factoring")

    def _rehearsed(self, windows: Int[Tensor, "F T"]) -> dict[str, list[Priced]]:
        first, last = kept_apart(windows, "taking prices")
        to_fit = self._asked(weighted_metrics(self.module, first, seed=self.seed, halved=True))
        to_price = self._asked(weighted_metrics(self.module, last, seed=self.seed))
        share = len(last) / len(windows)

        def priced(name: str) -> list[Priced]:
            metric, prices = self._noted(name, to_fit.pop(name)()), to_price.pop(name)()
            fits = [self._fit(method, name, metric) for method in self.methods]
            losses = [fit.losses(prices) for fit in fits]
            both = metric.joined(prices, share)
            again = (
                self._fit(method, name, both) if method.rehearses else fit for method, fit in zip(self.methods, fits)
            )
            return list(zip(again, losses))

        return self.each(priced, [name for name in to_fit if name in to_price], "factoring")

    def each(self, does: Callable[[str], Made], names: Collection[str], said: str) -> dict[str, Made]:
        """What is done for each matrix, the largest first, with as many at once as there are threads."""
        give_back_freed_memory()
        largest_first = sorted(names, key=lambda name: -self.found[name].rows * self.found[name].columns)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            done = dict(zip(largest_first, track(pool.map(does, largest_first), said, total=len(names))))
        give_back_freed_memory()
        return {name: done[name] for name in names}

    def _noted(self, name: str, metric: Metric) -> Metric:
        widest = max(self.found, key=lambda name: (name != TABLE, self.found[name].columns, name))
        if name == widest:
            self.reached[name] = metric.reach()
        return metric

    def _fit(self, method: CompressionMethod, name: str, metric: Metric) -> Fit:
        return method.fit(self.layers[name], self.found[name], metric)

    def _asked(self, metrics: Metrics) -> Metrics:
        return {name: metric for name, metric in (metrics | self.table).items() if name in self.layers}
