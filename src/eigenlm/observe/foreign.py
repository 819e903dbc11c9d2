"""Linear layers of other libraries, seen through the contract of ours; no weight is copied."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from eigenlm.errors import ConfigError, explain
from eigenlm.linear import DenseLinear, LinearMap


class ForeignLinear(DenseLinear):
    """A linear module that is not ours, under our contract; hooks are those of the module itself.

    Args:
        module: that is called.
        in_first: whether it stores W as (in, out), as Hugging Face's Conv1D does.
    """

    module: Any

    def __init__(self, module: nn.Module, in_first: bool) -> None:
        nn.Module.__init__(self)
        # Not as a child, or the module would be moved and counted twice.
        object.__setattr__(self, "module", module)
        self.in_first = in_first
        self.out_features, self.in_features = self.weight.shape

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """W, or a view of what is stored."""
        return self.module.weight.mT if self.in_first else self.module.weight

    @property
    def bias(self) -> nn.Parameter | None:  # type: ignore[override]
        """b."""
        return self.module.bias

    @property
    def num_params(self) -> int:
        """Numbers that make up W and b."""
        return self.weight.numel() + (0 if self.bias is None else self.bias.numel())

    @property
    def num_bytes(self) -> int:
        """Bytes of these."""
        return self.num_params * self.weight.element_size()

    def forward(self, x: Tensor) -> Tensor:
        """What the module gives."""
        return self.module(x)

    def register_forward_hook(self, *given: Any, **options: Any) -> RemovableHandle:
        """As of the module."""
        return self.module.register_forward_hook(*given, **options)

    def register_forward_pre_hook(self, *given: Any, **options: Any) -> RemovableHandle:
        """As of the module."""
        return self.module.register_forward_pre_hook(*given, **options)


class ExpertStack(nn.ModuleList):
    """In the place of a tensor that stacks the matrices of experts: one linear layer an expert, called as its slice is.

    Args:
        layers: one an expert.
        transposed: whether the slices are (in, out).
    """

    def __init__(self, layers: list[LinearMap], transposed: bool) -> None:
        super().__init__(layers)
        self.transposed = transposed

    def __getitem__(self, index: Any) -> Any:
        return _Slice(super().__getitem__(int(index)), self.transposed)

    def dense(self) -> Tensor:
        """The stacked tensor."""
        layers: list[Any] = list(self.children())
        matrices = torch.stack([layer.dense().detach() for layer in layers])
        return matrices.mT if self.transposed else matrices


class _Slice:
    """What stands for the matrix of an expert in a product."""

    def __init__(self, layer: Callable[[Tensor], Tensor], transposed: bool) -> None:
        self.layer, self.transposed = layer, transposed

    @classmethod
    def __torch_function__(
        cls, function: Callable, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Tensor:
        x, matrix, *bias = *args, *(kwargs or {}).values()
        products = (torch.matmul, Tensor.matmul, Tensor.__matmul__) if matrix.transposed else (F.linear,)
        if function not in products or not isinstance(matrix, cls):
            raise ConfigError(explain("stacked experts", expected="a product with one expert", got=function.__name__))
        y: Tensor = matrix.layer(x)
        return y if not bias or bias[0] is None else y + bias[0]


@contextmanager
def experts_apart(module: nn.Module) -> Iterator[None]:
    """While the `with` block runs, each expert of a stacked tensor is a linear layer of its own, which can be watched.

    A stack is a tensor of three dimensions in a module that knows its `num_experts` and whether they `is_transposed`,
    as Hugging Face's mixtures do. `observe.linears` names its experts `STACK.0`, `STACK.1`, ... inside and outside.
    """
    owners = [(owner, dict(owner._parameters)) for owner in module.modules() if _stacks(owner)]
    ways = [getattr(owner.config, "_experts_implementation", None) for owner, _ in owners]
    try:
        for owner, _ in owners:
            for name in _stacks(owner):
                _open(owner, name)
        yield
    finally:
        for (owner, parameters), way in reversed(list(zip(owners, ways))):
            for name in [name for name, part in owner._modules.items() if isinstance(part, ExpertStack)]:
                if name in parameters:
                    del owner._modules[name]
            owner._parameters = parameters
            owner.config._experts_implementation = way


def separate_experts_(module: nn.Module, stack: str) -> None:
    """Make the experts of one stacked tensor, named `stack`, linear layers of their own for good."""
    owner, _, name = stack.rpartition(".")
    _open(module.get_submodule(owner), name)
    experts: Any = module.get_submodule(stack)
    for layer in experts.children():
        layer.weight = nn.Parameter(layer.weight.detach().clone())  # so that a replaced one lets its memory go


def as_linear(module: nn.Module) -> LinearMap | None:
    """A module as one of our linear layers, if it is one: ours, torch's, or Hugging Face's Conv1D."""
    if isinstance(module, LinearMap):
        return module
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 2 or not weight.is_floating_point():
        return None
    if isinstance(module, nn.Linear) and weight.shape == (module.out_features, module.in_features):
        return ForeignLinear(module, in_first=False)
    if type(module).__name__ == "Conv1D" and weight.shape[1] == getattr(module, "nf", None):
        return ForeignLinear(module, in_first=True)
    return None


def _stacks(owner: nn.Module) -> list[str]:
    if not hasattr(owner, "is_transposed"):
        return []
    number = getattr(owner, "num_experts", None)
    return [name for name, p in owner._parameters.items() if p is not None and p.ndim == 3 and len(p) == number]


def _open(owner: Any, name: str) -> None:
    stack = owner._parameters[name]
    slices = (part.mT if owner.is_transposed else part for part in stack.detach())
    layers: list[LinearMap] = [DenseLinear.from_dense(W) for W in slices]
    owner._parameters = {other: p for other, p in owner._parameters.items() if other != name}
    owner._modules[name] = ExpertStack(layers, owner.is_transposed).train(owner.training)
    # The ways that take the whole stack in one product cannot take layers apart.
    owner.config._experts_implementation = "eager"
