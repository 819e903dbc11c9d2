"""What each matrix sees and what its outputs weigh: Grams of inputs and of output gradients, streamed over text."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.errors import ConfigError, DataError, explain, nearest
from eigenlm.linalg.gram_sum import GramSum
from eigenlm.linalg.seeded import seeded
from eigenlm.machine.heap import give_back_freed_memory
from eigenlm.observe.drawn_gradients import backward_of_draws
from eigenlm.observe.foreign import experts_apart
from eigenlm.observe.inputs import SharedInputs
from eigenlm.observe.linears import linears
from eigenlm.observe.predictions import quick_products
from eigenlm.observe.watch import frozen, watch
from eigenlm.progress import track

_KINDS = ("inputs", "outputs", "weighted")


class Grams(Mapping[str, Tensor]):
    """The Gram of each layer, made anew whenever it is asked for from the half of it that is kept."""

    def __init__(self, sums: Mapping[str, GramSum]) -> None:
        self._sums = dict(sums)

    def __getitem__(self, name: str) -> Float[Tensor, "n n"]:
        return self._sums[name].full()

    def __iter__(self) -> Iterator[str]:
        return iter(self._sums)

    def __len__(self) -> int:
        return len(self._sums)

    def halve_(self) -> None:
        """Keep them in half of the memory, to three digits."""
        for total in {id(total): total for total in self._sums.values()}.values():
            total.halve_()

    def take(self, name: str) -> Float[Tensor, "n n"]:
        """A layer's Gram, which is let go here; layers that share it keep it."""
        return self._sums.pop(name).full()


@dataclass(frozen=True)
class Measurement:
    """Second moments of a module's linear layers on calibration text; a layer that no token reached has none.

    Attributes:
        tokens: how many there were.
        input_grams: C = E[x x^T] over the tokens that reach a layer, (in, in); layers with one input share one.
        output_grams: G, sum of g g^T over the tokens that reach a layer, divided by all tokens, (out, out); g is the
            gradient of a token's nll at the layer's output.
        weighted_grams: sum_t |g_t|^2 x_t x_t^T / sum_t |g_t|^2, (in, in). The loss of a change D is 1/2 E[(g . D x)^2]
            to second order, and |g|^2 is what is left of g when it is as good as independent of which way D x points.
    """

    tokens: int
    input_grams: Grams
    output_grams: Grams
    weighted_grams: Grams


def measure(
    module: nn.Module,
    windows: Int[Tensor, "B T"],
    *,
    seed: int = 0,
    kinds: Collection[str] = ("inputs", "outputs"),
) -> Measurement:
    """Stream windows of token ids through a module and average the Grams of its linear layers.

    Memory is that of the Grams and of one window's activations, of a transformer of ours in one block at a time,
    however many windows there are. The model runs in bfloat16 where the processor has it: that rounds each number by at
    most 0.4 %, and a Gram of thousands of samples carries more noise than that.

    Args:
        module: gives logits for ids, as ours and Hugging Face's causal models do, or hidden vectors, as an encoder of
            ours without a head.
        windows: (B, T) rows of token ids.
        seed: of the random generator that draws gradients.
        kinds: of Grams to sum up, `inputs`, `outputs` and `weighted`; the others are empty.

    Raises:
        ConfigError: a kind that there is not.
        DataError: activations or gradients that are not finite; the layer is named.
    """
    _check_kinds(kinds)
    generator, inputs, outputs, weighted = seeded(seed, windows.device), SharedInputs(), _Outputs(), _Weighted()
    with (
        quick_products(windows.device),
        frozen(module),
        experts_apart(module),
        ExitStack() as watched,
    ):
        layers, tells = linears(module), bool({"outputs", "weighted"} & set(kinds))
        if "inputs" in kinds:
            watched.enter_context(watch(layers, inputs=_where_gradients_flow(inputs.see) if tells else inputs.see))
        if "outputs" in kinds:
            watched.enter_context(watch(layers, gradients=outputs.feel))
        if "weighted" in kinds:
            watched.enter_context(watch(layers, inputs=_where_gradients_flow(weighted.see), gradients=weighted.feel))
        for window in track(windows, "measuring"):
            if tells:
                backward_of_draws(module, window[None], generator, after_each=inputs.next_window)
            else:
                with torch.no_grad():
                    module(window[None])
            inputs.next_window()
            weighted.next_window()
            give_back_freed_memory()
    for sums in inputs.sums.values():
        sums.gram.scale_(1 / max(sums.tokens, 1))
    for gram in outputs.sums.values():
        gram.scale_(1 / windows.numel())
    for name, gram in weighted.sums.items():
        gram.scale_(1 / weighted.totals[name].clamp_min(1e-30))
    reached = {name: inputs.sums[owner].gram for name, owner in inputs.input_of.items()}
    for found in (reached, outputs.sums, weighted.sums):
        for name, gram in found.items():
            if not gram.is_finite():
                raise DataError(explain(f"measuring {name}", expected="finite activations", got="NaN or infinity"))
    return Measurement(windows.numel(), Grams(reached), Grams(outputs.sums), Grams(weighted.sums))


def _check_kinds(kinds: Collection[str]) -> None:
    if unknown := set(kinds) - set(_KINDS):
        raise ConfigError(nearest("kinds of Grams", min(unknown), _KINDS, "some of"))


def _where_gradients_flow(see: Callable[[str, Tensor], None]) -> Callable[[str, Tensor], None]:
    """A pass without gradients comes first where blocks hold their activations one at a time."""
    return lambda name, x: see(name, x) if torch.is_grad_enabled() else None


class _Outputs:
    """Sums of g g^T."""

    def __init__(self) -> None:
        self.sums: dict[str, GramSum] = {}

    def feel(self, name: str, gradient: Tensor) -> None:
        """Add what comes back to a layer's output."""
        if name not in self.sums:
            self.sums[name] = GramSum(gradient.shape[-1], gradient.device)
        self.sums[name].add_(gradient.flatten(0, -2))


class _Weighted:
    """Sums of |g|^2 x x^T and of |g|^2."""

    def __init__(self) -> None:
        self.sums: dict[str, GramSum] = {}
        self.totals: dict[str, Tensor] = {}
        self._inputs: dict[str, list[Tensor]] = {}

    def see(self, name: str, x: Tensor) -> None:
        """Keep what a layer reads until its gradient comes."""
        self._inputs.setdefault(name, []).append(x.detach().flatten(0, -2))

    def feel(self, name: str, gradient: Tensor) -> None:
        """Add what it read, by the gradient that comes back; the last call's comes first."""
        x_CI = self._inputs[name].pop().float()
        size_C = gradient.flatten(0, -2).float().norm(dim=1)
        if name not in self.sums:
            self.sums[name], self.totals[name] = GramSum(x_CI.shape[1], x_CI.device), size_C.new_zeros(())
        self.sums[name].add_(x_CI * size_C[:, None])
        self.totals[name] += size_C.square().sum()

    def next_window(self) -> None:
        """Let go of inputs to which no gradient came."""
        self._inputs.clear()
