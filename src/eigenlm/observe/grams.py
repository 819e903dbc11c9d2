"""What each matrix sees and what its outputs weigh: Grams of inputs and of output gradients, streamed over text."""

from dataclasses import dataclass, field

from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.errors import DataError, explain
from eigenlm.linalg.seeded import seeded
from eigenlm.observe.foreign import experts_apart
from eigenlm.observe.inputs import SharedInputs, gram_of
from eigenlm.observe.linears import linears
from eigenlm.observe.predictions import backward_of_samples, quick_products
from eigenlm.observe.watch import frozen, watch
from eigenlm.progress import track


@dataclass
class Measurement:
    """Second moments of a module's linear layers on calibration text; a layer that no token reached has none.

    Attributes:
        tokens: how many there were.
        output_grams: G, sum of g g^T over the tokens that reach a layer, divided by all tokens, (out, out); g is the
            gradient of a token's nll at the layer's output.
        input_grams: C = E[x x^T] over the tokens that reach a layer, (in, in), of each distinct input.
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
        module: gives logits for ids, as ours and Hugging Face's causal models do, or hidden vectors, as an encoder of
            ours without a head.
        windows: (B, T) rows of token ids.
        seed: of the random generator that samples labels.

    Raises:
        DataError: activations or gradients that are not finite; the layer is named.
    """
    found, generator = Measurement(), seeded(seed, windows.device)
    inputs = SharedInputs()

    def felt(name: str, gradient: Tensor) -> None:
        gram = gram_of(gradient.flatten(0, -2))
        found.output_grams[name] = found.output_grams[name] + gram if name in found.output_grams else gram

    with (
        quick_products(windows.device),
        frozen(module),
        experts_apart(module),
        watch(linears(module), inputs=inputs.see, gradients=felt),
    ):
        for window in track(windows, "measuring"):
            backward_of_samples(module, window[None], generator)
            inputs.next_window()
            found.tokens += len(window)
    found.input_of = {name: owner for name, owner in inputs.input_of.items() if name in found.output_grams}
    found.input_grams = {name: sums.gram / sums.tokens for name, sums in inputs.sums.items()}
    found.output_grams = {name: gram / found.tokens for name, gram in found.output_grams.items()}
    for grams in (found.input_grams, found.output_grams):
        for name, gram in grams.items():
            if not bool(gram.isfinite().all()):
                raise DataError(explain(f"measuring {name}", expected="finite activations", got="NaN or infinity"))
    return found
