"""A transformer from a config and named tensors: built without memory, then given the tensors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, explain
from eigenlm.model import DenseLinear, InterpolativeLinear, LowRankLinear, Transformer, TransformerConfig
from eigenlm.progress import track


class _NoInitialisation(TorchFunctionMode):
    """Leaves out torch.nn.init: nothing is there to fill, and on the meta device it imports half of torch."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Thin:
    """That a linear layer is low-rank.

    Attributes:
        kind: the layer's class.
        rank: its R.
    """

    kind: type[LowRankLinear] | type[InterpolativeLinear]
    rank: int


def skeleton(config: TransformerConfig, thin: Mapping[str, Thin] | None = None) -> Transformer:
    """The model on torch's meta device: names and sizes, no numbers.

    Args:
        config: what to build.
        thin: names of linear layers that are low-rank, and how.

    Raises:
        CheckpointError: a name is not that of a linear layer, or sizes are beyond what a tensor can have.
    """
    with torch.device("meta"), _NoInitialisation():
        try:
            model = Transformer(config)
        except (RuntimeError, OverflowError, TypeError) as error:
            got = str(error).splitlines()[0]
            raise CheckpointError(explain("building the model", expected="sizes of tensors", got=got)) from error
        layers = dict(model.named_modules())
        for name, told in (thin or {}).items():
            dense = layers.get(name)
            if not isinstance(dense, DenseLinear):
                raise CheckpointError(explain("low-rank layers", expected="names of linear layers", got=repr(name)))
            if not 0 <= told.rank <= dense.out_features:
                expected = f"at most {dense.out_features}"
                raise CheckpointError(explain(f"rank of {name}", expected=expected, got=told.rank))
            layer = told.kind(dense.in_features, dense.out_features, told.rank, bias=dense.bias is not None)
            model.set_submodule(name, layer)
    return model


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
        CheckpointError: a number is NaN or infinite.
    """
    state = {}
    for name in track(list(model.state_dict()), "loading"):
        tensor = tensors[name]
        if name.endswith(".place"):
            _check_permutation(name, tensor)
            state[name] = tensor.to(device=device)
        else:
            _check_finite(name, tensor)
            state[name] = tensor.to(device=device, dtype=dtype)
    model.load_state_dict(state, strict=True, assign=True)
    assert not any(tensor.is_meta for tensor in model.state_dict().values())
    return model.eval()


def _check_permutation(name: str, tensor: Tensor) -> None:
    if tensor.dtype != torch.int64 or not torch.equal(tensor.sort().values, torch.arange(len(tensor))):
        expected = f"each of 0 to {len(tensor) - 1} once"
        raise CheckpointError(explain(f"tensor {name}", expected=expected, got="something else"))


def _check_finite(name: str, tensor: Tensor) -> None:
    # The sum is one pass at the speed of memory; only where it is not finite are the numbers looked at.
    if not tensor.sum().isfinite() and not tensor.isfinite().all():
        bad = int((~tensor.isfinite()).sum())
        raise CheckpointError(
            explain(f"tensor {name}", expected="finite numbers", got=f"{bad} that are NaN or infinite")
        )
