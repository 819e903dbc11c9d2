"""How much each layer lets gradients grow or vanish, with its norms and without them.

A layer x -> y has the Jacobian J; a gradient at y comes out at x as J^T times it. Over all layers the factors multiply,
so a mean of ln ||J v|| a little off zero becomes exponential growth or decay (arXiv:1312.6120). A norm divides its
branch by the length of the stream, and with it the branch's part of J; what that does is measured here by taking the
norms out.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.curvature.jacobian import Jacobian
from eigenlm.curvature.layer_maps import (
    StreamMap,
    layer_maps,
    layers_of,
    norms_of,
    stream_in,
    whole_map,
    without_norms,
)
from eigenlm.errors import DataError
from eigenlm.observe import evaluating
from eigenlm.progress import track
from eigenlm.shown import Shown

# Directions apart by less than a factor of e^0.5 over the whole depth are told as equal.
_ALIKE = 0.5


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What a map does to changes of its input.

    Attributes:
        log_gain: mean of ln ||J v|| over random unit vectors v; 0 keeps lengths, 1 multiplies them by e.
        log_gain_error: standard error of that mean; None for a single direction.
        largest: the largest singular value of J.
        largest_residual: a singular value lies within it of `largest`.
    """

    log_gain: float
    log_gain_error: float | None
    largest: float
    largest_residual: float


@dataclass(frozen=True, kw_only=True)
class LayerGain:
    """One layer.

    Attributes:
        name: of the layer.
        gain: of the layer as it is, at the stream that reached it; None where it was not finite.
        gain_without_norms: of the same layer at the same stream with every norm in it taken out; None where it has no
            norm, or was not finite.
        gradient_norm: length of the loss's gradient at the stream that enters the layer; None if there was no loss.
        gradient_norm_without_norms: the same where the whole model runs without norms; None where numbers overflow.
    """

    name: str
    gain: Gain | None
    gain_without_norms: Gain | None
    gradient_norm: float | None
    gradient_norm_without_norms: float | None


@dataclass(frozen=True, kw_only=True)
class GradientFlow(Shown):
    """All layers, and what they come to together.

    Attributes:
        layers: in the order of the forward pass.
        log_gain: sum over layers of their `log_gain`: ln of the product; None where one is missing.
        log_gain_without_norms: likewise, at the same streams with the norms in the layers taken out.
        log_growth: ln of the gradient's length at the first layer's input over that at the last layer's output.
        log_growth_without_norms: the same where the whole model runs without norms; None where numbers overflow.
        whole: gain of the map from the first layer's input to the last one's output; None where it was not finite.
        whole_without_norms: the same where all of it runs without norms; None where numbers overflow.
        explanation: what these numbers show, in words.
    """

    layers: tuple[LayerGain, ...]
    log_gain: float | None
    log_gain_without_norms: float | None
    log_growth: float | None
    log_growth_without_norms: float | None
    whole: Gain | None
    whole_without_norms: Gain | None
    explanation: str


def gradient_flow(
    module: nn.Module,
    windows: Int[Tensor, "B T"],
    loss: Callable[[], Float[Tensor, ""]] | None = None,
    *,
    directions: int = 4,
    max_steps: int = 12,
    seed: int = 0,
) -> GradientFlow:
    """Measure every layer's gain with its norms and without, and the gradient that really flows.

    Args:
        module: with its layers in a ModuleList, each of them mapping the stream (B, T, D) to itself.
        windows: (B, T) token ids.
        loss: of the module on these windows with its current weights; None leaves out the gradients.
        directions: random ones for each mean gain.
        max_steps: of the process that finds the largest singular value, each of two products.
        seed: of the directions.

    Raises:
        ConfigError: no layers, or layers that do not take the stream first.
    """
    normed, measured = bool(norms_of(module)), _Measured(directions, max_steps, seed)
    with evaluating(module):
        maps, parts = layer_maps(module, windows), layers_of(module)
        gains = {name: measured.gain(maps[name]) for name in track(maps, "layers")}
        bare = {name: measured.without_norms(maps[name], parts[name]) for name in track(maps, "layers without norms")}
        lengths = gradient_norms(module, loss) if loss is not None else None
        bare_lengths = gradient_norms(module, loss, norms=False) if loss is not None and normed else None
        whole = whole_map(module, windows)
        whole_gain, whole_bare = measured.gain(whole), measured.without_norms(whole, module)
    known = {name: gain.log_gain for name, gain in gains.items() if gain is not None}
    sums = {
        "log_gain_without_norms": _sum(list(bare.values())),
        "log_growth": _growth(lengths),
        "log_growth_without_norms": _growth(bare_lengths),
    }
    layers = (
        LayerGain(
            name=name,
            gain=gains[name],
            gain_without_norms=bare[name],
            gradient_norm=lengths[i] if lengths else None,
            gradient_norm_without_norms=bare_lengths[i] if bare_lengths else None,
        )
        for i, name in enumerate(maps)
    )
    return GradientFlow(
        layers=tuple(layers),
        whole=whole_gain,
        whole_without_norms=whole_bare,
        log_gain=_sum(list(gains.values())),
        explanation=explanation(known if len(known) == len(maps) else {}, normed=normed, **sums),
        **sums,
    )


def gradient_norms(
    module: nn.Module, loss: Callable[[], Float[Tensor, ""]], *, norms: bool = True
) -> list[float | None]:
    """Length of the loss's gradient at the input of each layer, and last at the output of the last one.

    Args:
        module: whose layers are watched.
        loss: runs the module once.
        norms: False takes every norm out meanwhile.

    Returns:
        one number more than there are layers; None where one is not finite.
    """
    streams: list[Tensor] = []

    def enter(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        x = given[0] if given[0].requires_grad else given[0].detach().requires_grad_()
        streams.append(x)
        return (x, *given[1:])

    layers = list(layers_of(module).values())
    handles = [layer.register_forward_pre_hook(enter) for layer in layers]
    handles.append(layers[-1].register_forward_hook(lambda *called: streams.append(stream_in(called[-1]))))
    try:
        with torch.enable_grad(), nullcontext() if norms else without_norms(module):
            gradients = torch.autograd.grad(loss(), streams, materialize_grads=True)
    finally:
        for handle in handles:
            handle.remove()
    lengths = [float(torch.linalg.vector_norm(gradient, dtype=torch.float64)) for gradient in gradients]
    return [length if math.isfinite(length) else None for length in lengths]


def explanation(
    log_gains: Mapping[str, float],
    *,
    normed: bool,
    log_gain_without_norms: float | None,
    log_growth: float | None,
    log_growth_without_norms: float | None,
) -> str:
    """The gains in words, and what the norms have to do with them.

    Args:
        log_gains: of the layers as they are; none of them if one was not finite.
        normed: whether there are norms.
        log_gain_without_norms: sum over the layers.
        log_growth: of the gradient.
        log_growth_without_norms: of the gradient in a model without norms.
    """
    if not log_gains:
        return "The layers' gains are not finite on this text."
    log_gain, most = math.fsum(log_gains.values()), max(log_gains, key=lambda name: abs(log_gains[name]))
    text = f"Over {len(log_gains)} layers a small change in a random direction is multiplied by {_factor(log_gain)}"
    text += f", most of all in {most} (by {_factor(log_gains[most])})"
    if log_growth is not None:
        text += f", and the loss's gradient by {_factor(log_growth)} on its way back from the last layer to the first"
    if not normed:
        return text + "; the model has no norms."
    if log_gain_without_norms is None:
        return text + "; without the norms in them the layers' gains are not finite or not defined."
    text += "; the same layers at the same streams would multiply the change, without their norms, by"
    text += f" {_factor(log_gain_without_norms)}"
    difference = log_gain_without_norms - log_gain
    if abs(difference) < _ALIKE:
        text += ", so here the norms hardly matter to it"
    elif difference > 0:
        text += ": the norms divide each branch by the length of the stream, and that keeps gradients from exploding"
    else:
        text += ": the norms lift a stream that is short to a fixed length, and that keeps gradients from vanishing"
    if log_growth is None:
        return text + "."
    if log_growth_without_norms is None:
        return text + ". Run as a whole without norms, the model overflows."
    return text + f". Run as a whole without norms, the gradient is multiplied by {_factor(log_growth_without_norms)}."


@dataclass(frozen=True)
class _Measured:
    """How gains are measured; None where a map, or its products, are not finite."""

    directions: int
    max_steps: int
    seed: int

    def gain(self, stream_map: StreamMap) -> Gain | None:
        try:
            J = Jacobian(*stream_map)
        except DataError:
            return None
        logs = J.log_gains(self.directions, seed=self.seed)
        if not bool(logs.isfinite().all()):
            return None
        top = J.singular_ends(max_steps=self.max_steps, seed=self.seed).largest[0]
        return Gain(
            log_gain=float(logs.mean()),
            log_gain_error=float(logs.std() / self.directions**0.5) if self.directions > 1 else None,
            largest=top.value,
            largest_residual=top.residual,
        )

    def without_norms(self, stream_map: StreamMap, part: nn.Module) -> Gain | None:
        if not norms_of(part):
            return None
        with without_norms(part):
            return self.gain(stream_map)


def _sum(gains: list[Gain | None]) -> float | None:
    found = [gain.log_gain for gain in gains if gain is not None]
    return math.fsum(found) if len(found) == len(gains) else None


def _growth(lengths: list[float | None] | None) -> float | None:
    if lengths is None or not lengths[0] or not lengths[-1]:
        return None
    return math.log(lengths[0]) - math.log(lengths[-1])


def _factor(log: float) -> str:
    return f"{math.exp(log):.3g}" if abs(log) < 20 else f"10^{log / math.log(10):.0f}"
