"""What a linear layer is: whatever keeps this contract, and no class in particular."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linear.registry import LINEAR_MAPS

# Gives a module that applies one matrix and a bias fast, such as `engine.packed_linear.fast_linear`.
Pack = Callable[[Tensor | CodedMatrix, Tensor | None], nn.Module]


class LinearMap(nn.Module):
    """A linear layer, y = W x + b with W (out, in), however W is stored: forward(x) = F.linear(x, dense(), bias).

    A subclass sets `kind`, under which `LINEAR_MAPS` then knows it, and `settings`, the whole numbers beside the sizes
    that say how large its tensors are; its `__init__` takes `in_features`, `out_features`, the settings and `bias`.

    Attributes:
        in_features: width of x.
        out_features: width of y.
        bias: b, or None.
        in_gguf: what a GGUF file makes of its matrix: refuses it unless it is multiplied out, rounds it again, or keeps
            its blocks.
        turns: whether the matrix that it applies may become another while its tensors stay, as where a rank is set.
        in_first: whether the file that its module is written to holds W as (in, out), as of Hugging Face's Conv1D.
    """

    kind: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ()
    in_gguf: ClassVar[Literal["refused", "rounded", "kept"]] = "refused"
    turns: ClassVar[bool] = False
    in_features: int
    out_features: int
    bias: nn.Parameter | None
    in_first: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "kind" in vars(cls):
            LINEAR_MAPS[cls.kind] = cls

    @classmethod
    @abstractmethod
    def from_dense(cls, W: Float[Tensor, "out in"], bias: Tensor | None = None) -> "LinearMap":
        """The layer of this kind that comes closest to a dense matrix, in its dtype and on its device."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """W x + b, in the precision of x."""

    @abstractmethod
    def dense(self) -> Float[Tensor, "out in"]:
        """W."""

    def rows(self, places: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch in"]:
        """Rows of W by their places, as a table of token vectors gives them."""
        return F.embedding(places, self.dense())

    def packed(self, pack: Pack) -> nn.Module:
        """The same map without gradients, built from the matrices it applies, in the order it applies them.

        Args:
            pack: makes a fast module of one matrix, dense or as codes, and its bias.
        """
        return pack(self.coded() or self.dense(), self.bias)

    def coded(self) -> CodedMatrix | None:
        """W as whole numbers of few bits with their steps, where it is made of such; None elsewhere."""
        return None

    @property
    def num_multiplications(self) -> int:
        """Multiplications for one row of x; in x out where it applies one dense matrix."""
        return self.in_features * self.out_features

    def spec(self) -> dict[str, Any]:
        """JSON values that are enough for `from_spec` to make an empty layer of the same kind and sizes."""
        sizes = {"in_features": self.in_features, "out_features": self.out_features, "bias": self.bias is not None}
        return {"kind": self.kind, **sizes, **{name: getattr(self, name) for name in self.settings}}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], where: str = "linear layer") -> "LinearMap":
        """An empty layer; errors as in `registry.linear_map`."""
        names = {"in_features", "out_features", "bias", *cls.settings}
        if {*spec} != {"kind", *names}:
            expected = f"a spec of kind {cls.kind} with {', '.join(sorted(names))}"
            raise ConfigError(explain(where, expected=expected, got=", ".join(sorted(spec))))
        for name in names - {"bias"}:
            if type(spec[name]) is not int or not 0 <= spec[name] < 2**31:
                raise ConfigError(explain(f"{where}, {name}", expected="a whole number", got=repr(spec[name])))
        if type(spec["bias"]) is not bool:
            raise ConfigError(explain(f"{where}, bias", expected="true or false", got=repr(spec["bias"])))
        try:
            return cls(**{name: spec[name] for name in names})
        except RuntimeError as error:
            raise ConfigError(
                explain(where, expected=f"sizes of a layer of kind {cls.kind}", got=dict(spec))
            ) from error

    @property
    def storage(self) -> dict[str, torch.dtype]:
        """Types of the tensors of its `state_dict` that hold codes or places, which keep them in any model."""
        return {name: t.dtype for name, t in self.state_dict().items() if not t.is_floating_point()}

    def fault(self) -> str:
        """What is wrong with its codes or places, in words that begin with the tensor's name; "" if nothing is."""
        return ""

    def merged(self) -> "LinearMap":
        """A layer that applies the same matrix at once; itself where its matrices are not meant to be added up."""
        return self

    @property
    def num_params(self) -> int:
        """Numbers that make up W and b; places of rows are not among them."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def num_bytes(self) -> int:
        """Bytes stored, places of rows included."""
        return sum(tensor.nbytes for tensor in chain(self.parameters(), self.buffers()))

    def extra_repr(self) -> str:
        """Sizes, as torch prints them."""
        sizes = ("in_features", "out_features", *self.settings)
        return ", ".join([f"{name}={getattr(self, name)}" for name in sizes] + [f"bias={self.bias is not None}"])


def linear_maps(module: nn.Module, prefix: str = "") -> dict[str, LinearMap]:
    """Linear layers by name; one that is a part of another is not one of its own."""
    found: dict[str, LinearMap] = {}
    for name, part in module.named_children():
        whole = f"{prefix}{name}"
        found |= {whole: part} if isinstance(part, LinearMap) else linear_maps(part, f"{whole}.")
    return found


def as_bias(bias: Tensor | None) -> nn.Parameter | None:
    """A bias to train, or None."""
    return None if bias is None else nn.Parameter(bias.detach())
