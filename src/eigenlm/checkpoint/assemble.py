"""A transformer from a config and named tensors: built without memory, then given the tensors."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from eigenlm.checkpoint.narrowing import check_narrowed, surely_held
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, ConfigError, explain
from eigenlm.linear import LinearMap, linear_map
from eigenlm.linear.as_read import remember
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.model.embedding import TokenTable
from eigenlm.progress import track


class _NoInitialisation(TorchFunctionMode):
    """Leaves out torch.nn.init: nothing is there to fill, and on the meta device it imports half of torch."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def skeleton(config: TransformerConfig, linears: Mapping[str, Mapping[str, Any]] | None = None) -> Transformer:
    """The model on torch's meta device: names and sizes, no numbers.

    Args:
        config: what to build.
        linears: specs of the linear layers that are not dense, and of the table of tokens if it is not, by name.

    Raises:
        CheckpointError: a name is not that of a linear layer, a spec makes no layer of its sizes, or sizes are beyond
            what a tensor can have.
    """
    with torch.device("meta"), _NoInitialisation():
        try:
            model = Transformer(config)
        except (RuntimeError, OverflowError, TypeError) as error:
            got = str(error).splitlines()[0]
            raise CheckpointError(explain("building the model", expected="sizes of tensors", got=got)) from error
        layers = dict(model.named_modules())
        for name, spec in (linears or {}).items():
            dense = layers.get(name)
            if not isinstance(dense, LinearMap | TokenTable):
                raise CheckpointError(explain("specs of layers", expected="names of linear layers", got=repr(name)))
            model.set_submodule(name, _told(name, spec, dense))
    return model


def _told(name: str, spec: Mapping[str, Any], dense: LinearMap | TokenTable) -> LinearMap:
    """The layer of a spec in the place of a dense one."""
    try:
        layer = linear_map(spec, f"spec of {name}")
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    sizes, expected = (
        f"{each.out_features} x {each.in_features} {'with' if each.bias is not None else 'without'} bias"
        for each in (layer, dense)
    )
    if sizes != expected:
        raise CheckpointError(explain(f"spec of {name}", expected=expected, got=sizes))
    return layer


def tensor_shapes(model: Transformer) -> dict[str, tuple[int, ...]]:
    """Every tensor that a file of the model holds, and its sizes."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def check_shapes(shapes: Mapping[str, tuple[int, ...]], tensors: TensorSource) -> None:
    """Compare what a file holds with what the model has.

    Raises:
        CheckpointError: a tensor has other sizes.
    """
    for name, expected in shapes.items():
        if tensors.shape(name) != expected:
            raise CheckpointError(explain(f"tensor {name}", expected=f"sizes {expected}", got=tensors.shape(name)))


def fill(model: Transformer, tensors: TensorSource, *, dtype: torch.dtype, device: torch.device | str) -> Transformer:
    """Give a skeleton its numbers, one tensor at a time; the model comes back ready for use, in eval mode.

    Raises:
        CheckpointError: a number is NaN or infinite, or whole where it should be real, or codes or places are not what
            a layer needs.
    """
    state = {}
    for name, expected in track(list(model.state_dict().items()), "loading"):
        tensor = _computed_with(name, tensors[name])
        if expected.is_floating_point() and tensor.is_floating_point():
            _check_finite(name, tensor)
            state[name] = tensor.to(device=device, dtype=dtype)
            fewer_exponents = torch.finfo(dtype).tiny > torch.finfo(tensor.dtype).tiny
            if fewer_exponents and not (dtype == torch.float16 and surely_held(tensor, "F16")):
                check_narrowed(name, tensor, state[name].cpu(), str(dtype).removeprefix("torch."))
        elif tensor.dtype == expected.dtype:
            state[name] = tensor.to(device=device)
        else:
            wanted = "real numbers" if expected.is_floating_point() else expected.dtype
            raise CheckpointError(explain(f"tensor {name}", expected=wanted, got=tensor.dtype))
    model.load_state_dict(state, strict=True, assign=True)
    assert not any(tensor.is_meta for tensor in model.state_dict().values())
    for name, parameter in model.named_parameters():
        if (blocks := tensors.blocks(name)) is not None:
            remember(parameter, blocks)
    for name, layer in model.named_modules():
        if isinstance(layer, LinearMap) and (fault := layer.fault()):
            raise CheckpointError(f"tensor {name}.{fault}")
    return model.eval()


def _computed_with(name: str, tensor: Tensor) -> Tensor:
    """Floats of 8 bits, for which torch has hardly an operation, as float32."""
    if not tensor.is_floating_point() or tensor.itemsize > 1:
        return tensor
    try:
        return tensor.float()
    except (NotImplementedError, RuntimeError) as error:  # two floats of 4 bits in a byte
        expected = "numbers of 8 bits or more"
        raise CheckpointError(explain(f"tensor {name}", expected=expected, got=tensor.dtype)) from error


def _check_finite(name: str, tensor: Tensor) -> None:
    # The sum is one pass at the speed of memory; only where it is not finite are the numbers looked at.
    if not tensor.sum().isfinite() and not tensor.isfinite().all():
        bad = int((~tensor.isfinite()).sum())
        raise CheckpointError(
            explain(f"tensor {name}", expected="finite numbers", got=f"{bad} that are NaN or infinite")
        )
