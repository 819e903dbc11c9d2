"""What each matrix sees and what its outputs weigh: Grams of inputs and of output gradients, streamed over text."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.errors import DataError, explain
from eigenlm.observe.hooks import Hooks, backward_of_sampled_labels, quick_products
from eigenlm.observe.linears import linears
from eigenlm.progress import track


@dataclass
class Measurement:
    """Second moments of a module's linear layers on calibration text.

    Attributes:
        tokens: rows that were averaged.
        output_grams: G = E[g g^T] of each layer, (out, out), g the gradient of a token's nll at the layer's output.
        input_grams: C = E[x x^T], (in, in), of each distinct input.
        input_of: which of these a layer reads; layers with one input share one Gram.
    """

    tokens: int = 0
    output_grams: dict[str, Float[Tensor, "m m"]] = field(default_factory=dict)
    input_grams: dict[str, Float[Tensor, "n n"]] = field(default_factory=dict)
    input_of: dict[str, str] = field(default_factory=dict)

    def input_gram(self, name: str) -> Float[Tensor, "n n"]:
        """C of one layer."""
        return self.input_grams[self.input_of[name]]


def measure(module: nn.Module, windows: Int[Tensor, "B T"], *, seed: int = 0) -> Measurement:
    """Stream windows of token ids through a module and average the Grams of its linear layers.

    Memory is that of the Grams and of one window's activations, however many windows there are. The model runs in
    bfloat16 where the processor has it: that rounds each number by at most 0.4 %, and a Gram of thousands of samples
    carries more noise than that.

    Args:
        module: gives logits for ids, as ours and Hugging Face's causal models do.
        windows: (B, T) rows of token ids.
        seed: of the sampled labels.

    Raises:
        DataError: activations or gradients that are not finite; the layer is named.
    """
    found, generator = Measurement(), torch.Generator(windows.device).manual_seed(seed)
    readers: dict[int, str] = {}
    inputs: list[Tensor] = []

    def seen(name: str, x: Tensor) -> None:
        owner = readers.setdefault(id(x), name)
        if owner == name:
            inputs.append(x)  # keeps it alive, so that no other input gets its id
            _add(found.input_grams, name, x.detach().flatten(0, -2))
        found.input_of[name] = owner

    def felt(name: str, gradient: Tensor) -> None:
        _add(found.output_grams, name, gradient)

    with quick_products(windows.device), Hooks(module, seen, felt):
        for window in track(windows, "measuring"):
            backward_of_sampled_labels(module, window[None], generator)
            readers.clear()
            inputs.clear()
            found.tokens += len(window)
    for grams in (found.input_grams, found.output_grams):
        for name, gram in grams.items():
            if not bool(gram.isfinite().all()):
                raise DataError(explain(f"measuring {name}", expected="finite activations", got="NaN or infinity"))
            gram /= found.tokens
    assert set(found.input_of) == set(linears(module))
    return found


def _add(grams: dict[str, Tensor], name: str, rows_CI: Tensor) -> None:
    # Float32 out: in bfloat16 the noise of large entries would drown the small ones.
    with torch.autocast(rows_CI.device.type, enabled=False):
        rows_CI = rows_CI.float()
        gram = rows_CI.mT @ rows_CI
    grams[name] = grams[name] + gram if name in grams else gram
