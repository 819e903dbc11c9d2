"""Text through a model, once, while its linear inputs, its residual stream and its attention are watched."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.analysis.activations.heads import AttentionHead
from eigenlm.analysis.activations.inside import InsideRows, InsideSums, LeftOut
from eigenlm.analysis.activations.linear_inputs import InputSums, LinearInputs, gram_bytes, groups
from eigenlm.analysis.activations.residual_stream import LayerStream
from eigenlm.analysis.finding import listed
from eigenlm.analysis.weights import weights_of
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.linear import LinearMap
from eigenlm.machine.memory import check_memory
from eigenlm.model import Transformer
from eigenlm.observe.foreign import experts_apart
from eigenlm.observe.linears import linears
from eigenlm.observe.watching import at_rest, run, watch_inputs
from eigenlm.progress import track
from eigenlm.shown import Shown


@dataclass(frozen=True, kw_only=True)
class Activations(Shown):
    """What only text passing through a model can tell about it.

    Attributes:
        tokens: how many passed.
        window: tokens in each text.
        linear_inputs: a row for each linear layer, in the module's order.
        layers: a row for the residual stream after the embedding and after each block.
        heads: a row for each attention head.
        cka: how alike the streams after two layers are, from 0 to 1 (linear CKA, debiased, so that it may fall a little
            below 0); as many rows and columns as `layers`.
        left_out: what this module does not have, or what was not finite.
    """

    tokens: int
    window: int
    linear_inputs: tuple[LinearInputs, ...]
    layers: tuple[LayerStream, ...]
    heads: tuple[AttentionHead, ...]
    cka: tuple[tuple[float, ...], ...]
    left_out: tuple[LeftOut, ...]


def activations(module: nn.Module, windows: Int[Tensor, "B T"], *, seed: int = 0) -> Activations:
    """Pass windows of token ids through a module, one after the other, and describe what flows.

    Any module that takes token ids has its linear layers described; a decoder or an encoder of eigenlm also its
    residual stream and its heads, and a decoder its logit lens. Beside the module, memory holds one window's
    activations, the second moments of linear inputs (a gibibyte at a time; models with more take more passes) and of
    the stream after each layer, and 1024 vectors a layer.

    The model runs in bfloat16 where the processor has it, which rounds each number by at most 0.4 %; sums, softmax,
    distances and eigenvalues are in float32 or better. Where that can matter: a count at a threshold (outliers, kinds
    of heads) of something that close to it.

    Args:
        module: the module whose layers are watched; it is left as it was.
        windows: (B, T) rows of token ids, T at least 2.
        seed: seed of the generators that draw the random tokens for induction and the halves for intrinsic dimensions.

    Raises:
        DataError: windows of one token, or none at all; activations that are NaN or infinite from the start.
        ConfigError: a module that does not take token ids, or too little memory beside it.
        ShapeError: ids or windows that the model does not take.
    """
    B, T = windows.shape
    if B == 0 or T < 2:
        do = "give more text, or cut it into longer windows"
        raise DataError(explain("activations", expected="windows of at least 2 tokens", got=f"{B} of {T}", do=do))
    windows = windows.to(next((p.device for p in module.parameters()), windows.device))
    if isinstance(module, Transformer) and module.config.kind == "encoder_decoder":
        expected = "a decoder or an encoder, which reads one text"
        raise ConfigError(explain("activations on a text", expected=expected, got="an encoder_decoder"))
    left_out: list[LeftOut] = []
    rows: list[LinearInputs] = []
    inside = InsideRows(layers=[], heads=[], cka=(), left_out=[])
    with at_rest(module), experts_apart(module):
        layers = _layers(module, left_out)
        sums = _inside(module, B, left_out)
        needed = gram_bytes(layers) + (0 if sums is None else sums.num_bytes(T))
        do = "give shorter windows, or take a smaller model"
        check_memory(needed, windows.device, f"activations of {T:,} tokens at once", do)
        for i, group in enumerate(groups(layers)):
            rows += _pass(module, group, windows, sums if i == 0 else None, left_out)
        if sums is not None:
            inside = sums.rows(seed=seed)
    if layers and not (rows or inside.layers):
        raise DataError(explain("activations", expected="finite numbers from the start", got=left_out[0].reason))
    return Activations(
        tokens=windows.numel(),
        window=T,
        linear_inputs=tuple(rows),
        layers=tuple(inside.layers),
        heads=tuple(inside.heads),
        cka=inside.cka,
        left_out=(*left_out, *inside.left_out),
    )


def _pass(
    module: nn.Module,
    layers: Mapping[str, LinearMap],
    windows: Tensor,
    inside: InsideSums | None,
    left_out: list[LeftOut],
) -> list[LinearInputs]:
    """All windows through the module; rows of these layers, those of others being another pass's."""
    inputs = InputSums(layers)
    with watch_inputs(layers, inputs.see), inside.watching() if inside else nullcontext():
        for window in track(windows, "activations"):
            run(module, window[None])
            inputs.next_window()
            if inside:
                inside.next_window(window)
    for name in inputs.unseen():
        left_out.append(LeftOut(part="linear inputs", reason=f"{name}: no text passes through it"))
    for name in inputs.spoilt():
        left_out.append(LeftOut(part="linear inputs", reason=f"{name}: NaN or infinity in its weights"))
    bad = inputs.not_finite()
    if bad:
        reason = f"NaN or infinity in what {bad[0]} is given" + f" and {len(bad) - 1} layers more" * (len(bad) > 1)
        left_out.append(LeftOut(part="linear inputs", reason=reason))
    return inputs.rows()


def _layers(module: nn.Module, left_out: list[LeftOut]) -> dict[str, LinearMap]:
    try:
        layers = linears(module, widest=None)
    except ConfigError as error:
        left_out.append(LeftOut(part="linear inputs", reason=str(error)))
        layers = {}
    missing = [name for name in _matrices(module) if name not in layers] if layers else []
    if missing:
        reason = f"{listed(missing, most=3)}: no linear layers whose inputs can be watched"
        left_out.append(LeftOut(part="linear inputs", reason=reason))
    return layers


def _matrices(module: nn.Module) -> list[str]:
    """Names of the matrices that multiply something, as their spectra have them: all but the tables of embeddings."""
    weights = weights_of(module)
    tables = {f"{name}.weight" for name, part in module.named_modules() if isinstance(part, nn.Embedding)}
    return [name.removesuffix(".weight") for name in weights if len(weights.shape(name)) > 1 and name not in tables]


def _inside(module: nn.Module, num_windows: int, left_out: list[LeftOut]) -> InsideSums | None:
    if isinstance(module, Transformer):
        return InsideSums(module, num_windows)
    reason = "only for decoders and encoders of eigenlm"
    for part in ("residual stream", "attention heads", "logit lens", "similarity of layers"):
        left_out.append(LeftOut(part=part, reason=reason))
    return None
