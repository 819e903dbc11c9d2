"""What each matrix sees where it counts: Grams of inputs, each token weighted by the gradient that reaches it."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.errors import DataError, explain
from eigenlm.linalg.seeded import seeded
from eigenlm.observe.foreign import experts_apart
from eigenlm.observe.inputs import gram_of
from eigenlm.observe.linears import linears
from eigenlm.observe.predictions import backward_of_samples, quick_products
from eigenlm.observe.watch import frozen, watch
from eigenlm.progress import track


def weighted_grams(module: nn.Module, windows: Int[Tensor, "B T"], *, seed: int = 0) -> dict[str, Float[Tensor, "n n"]]:
    """C = sum_t |g_t|^2 x_t x_t^T / sum_t |g_t|^2 of each linear layer that tokens reach.

    x is what it reads, and g the gradient of a token's nll at its output.
    The loss of a change D is 1/2 E[(g . D x)^2] to second order, and |g|^2 is what is left of g when it is as good as
    independent of which way D x points. Memory is that of the Grams and of one window's activations.

    Args:
        module: gives logits, or hidden vectors as an encoder without a head, for ids.
        windows: (B, T) rows of token ids.
        seed: of the random generator that samples labels.

    Raises:
        DataError: activations or gradients that are not finite; the layer is named.
    """
    grams: dict[str, Tensor] = {}
    totals: dict[str, Tensor] = {}
    inputs: dict[str, list[Tensor]] = {}

    def seen(name: str, x: Tensor) -> None:
        inputs.setdefault(name, []).append(x.detach().flatten(0, -2))

    def felt(name: str, gradient: Tensor) -> None:
        x_CI = inputs[name].pop().float()  # the last call's gradient comes first
        size_C = gradient.flatten(0, -2).float().norm(dim=1)
        gram, total = gram_of(x_CI * size_C[:, None]), size_C.square().sum()
        grams[name] = grams[name] + gram if name in grams else gram
        totals[name] = totals[name] + total if name in totals else total

    with (
        quick_products(windows.device),
        frozen(module),
        experts_apart(module),
        watch(linears(module), inputs=seen, gradients=felt),
    ):
        generator = seeded(seed, windows.device)
        for window in track(windows, "measuring"):
            backward_of_samples(module, window[None], generator)
            inputs.clear()
    for name, gram in grams.items():
        gram /= totals[name].clamp_min(1e-30)
        if not bool(gram.isfinite().all()):
            raise DataError(explain(f"measuring {name}", expected="finite activations", got="NaN or infinity"))
    return grams
