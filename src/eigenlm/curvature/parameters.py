"""Parameters of a module as one vector, and what the second derivative in them asks of torch."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from eigenlm.errors import ConfigError, explain


def parameters_of(module: nn.Module, names: Sequence[str] | None = None) -> dict[str, nn.Parameter]:
    """The named parameters of a module, in the order asked for; all of them by default, a shared one once.

    Raises:
        ConfigError: no parameter, a name that is none, or one tensor under two names.
    """
    every = dict(module.named_parameters(remove_duplicate=names is None))
    unknown = [name for name in names or () if name not in every]
    if unknown:
        raise ConfigError(explain("parameters", expected="names of the module's parameters", got=unknown[0]))
    chosen = every if names is None else {name: every[name] for name in names}
    if not chosen or len({id(p) for p in chosen.values()}) < len(chosen):
        raise ConfigError(explain("parameters", expected="one or more, each once", got=list(chosen)))
    return chosen


def common_precision(parameters: Sequence[Tensor]) -> torch.dtype:
    """The one dtype of all parameters.

    Raises:
        ConfigError: there is more than one, or one in which second derivatives drown in rounding.
    """
    dtypes = {p.dtype for p in parameters}
    if len(dtypes) != 1 or not dtypes <= {torch.float32, torch.float64}:
        got, do = ", ".join(sorted(map(str, dtypes))), "convert the module with .float()"
        raise ConfigError(explain("curvature", expected="parameters all in float32 or all in float64", got=got, do=do))
    return dtypes.pop()


def split(v: Float[Tensor, "n"], parameters: Sequence[Tensor]) -> list[Tensor]:
    """Views of v in the shapes of the parameters, one after another."""
    pieces = v.split([p.numel() for p in parameters])
    return [piece.view(p.shape) for piece, p in zip(pieces, parameters)]


def add_joined_(total: Float[Tensor, "n"], parts: list[Tensor]) -> None:
    """Add to `total` the parts one after another; empties the list, so that beside the sum little is held twice."""
    start = total.numel()
    while parts:
        part = parts.pop()
        start -= part.numel()
        total[start : start + part.numel()] += part.flatten()


@contextmanager
def twice_differentiable(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Run eagerly, in the parameters' precision, with attention spelt out, and let the parameters require gradients.

    Torch's fused attention, autocast and compiled graphs cannot be differentiated twice.
    """
    frozen = [p for p in parameters if not p.requires_grad]
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(torch.autocast(parameters[0].device.type, enabled=False))
        if "torch._dynamo" in sys.modules:  # else nothing is compiled, and the import would take seconds
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        for p in frozen:
            p.requires_grad_(True)
        try:
            yield
        finally:
            for p in frozen:
                p.requires_grad_(False)
