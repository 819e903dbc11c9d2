"""What may happen to one matrix: tagged values of a plan's JSON that build the layer which carries them out."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.config import from_dict
from eigenlm.errors import ConfigError
from eigenlm.linear import LinearMap
from eigenlm.tagged import Tagged


@dataclass(frozen=True, kw_only=True)
class Found:
    """A linear layer as the plan found it.

    Attributes:
        name: of the layer.
        layer: its kind, as in `linear.LINEAR_MAPS`.
        rows: m, its outputs.
        columns: n, its inputs.
        norm: Frobenius norm of its matrix.
        itemsize: bytes of one of its floats.
        num_params_before: numbers that make up its matrix, without the bias and without the places of rows.
        num_bytes_before: bytes that these take.
    """

    name: str
    layer: str
    rows: int
    columns: int
    norm: float
    itemsize: int
    num_params_before: int
    num_bytes_before: int

    @classmethod
    def of(cls, name: str, layer: LinearMap) -> "Found":
        """Describe a layer."""
        places = sum(layer.state_dict()[part].nbytes for part, dtype in layer.storage.items() if dtype == torch.int64)
        bias, W = layer.bias, layer.dense().detach()
        return cls(
            name=name,
            layer=layer.kind,
            rows=W.shape[0],
            columns=W.shape[1],
            norm=float(W.float().norm()),
            itemsize=W.element_size(),
            num_params_before=layer.num_params - (0 if bias is None else bias.numel()),
            num_bytes_before=layer.num_bytes - places - (0 if bias is None else bias.nbytes),
        )


@dataclass(frozen=True, kw_only=True)
class Action(Tagged):
    """What happens to one matrix; a subclass is known by its `kind`, and its fields are what the plan says of it.

    A class of actions enters by being defined; `compression.methods` imports the file of each.

    Attributes:
        parts: names of the tensors that it needs beside the JSON.
        words: what is said of the matrices that it happens to.
    """

    parts: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[str] = "changed"

    @property
    def label(self) -> str:
        """What a table says that the matrix becomes."""
        return self.kind

    @abstractmethod
    def num_params(self, found: Found) -> int:
        """Numbers that make up the matrix afterwards."""

    def num_bytes(self, found: Found) -> int:
        """Bytes that these take."""
        return self.num_params(found) * found.itemsize

    def fault(self, found: Found) -> str:
        """Why it cannot be done to this layer, as `field: expected ..., got ...`; "" if it can."""
        return ""

    def fault_of_parts(self, found: Found, parts: Mapping[str, Tensor]) -> str:
        """What is wrong with its tensors, likewise."""
        return ""

    @abstractmethod
    def build(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> LinearMap:
        """The layer that takes the place of `layer`, in its dtype and on its device."""

    def dense(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> Float[Tensor, "m n"]:
        """The matrix that the built layer applies."""
        return self.build(layer, parts).dense().detach()


@dataclass(frozen=True, kw_only=True)
class Keep(Action):
    """The layer stays as it is."""

    kind = "keep"
    words = "left as they are"

    @property
    def label(self) -> str:
        """That it stays."""
        return "as it is"

    def num_params(self, found: Found) -> int:
        """As many as before."""
        return found.num_params_before

    def num_bytes(self, found: Found) -> int:
        """As many as before."""
        return found.num_bytes_before

    def build(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> LinearMap:
        """The same layer."""
        return layer


@dataclass(frozen=True, kw_only=True)
class Decision(Found):
    """What happens to one matrix.

    Attributes:
        action: what is done.
        loss: its part of the loss on the calibration text, nats per token.
    """

    action: Action
    loss: float

    @property
    def rank(self) -> int | None:
        """What a low-rank action keeps; None for another action."""
        return getattr(self.action, "rank", None)

    @property
    def bits_before(self) -> float:
        """Bits that a number of the matrix takes as it is, all that is stored of it shared out."""
        return 8 * self.num_bytes_before / max(self.rows * self.columns, 1)

    @property
    def bits(self) -> float:
        """The same after the action."""
        return 8 * self.num_bytes / max(self.rows * self.columns, 1)

    @property
    def num_params(self) -> int:
        """Numbers after the action."""
        return self.action.num_params(self)

    @property
    def num_bytes(self) -> int:
        """Bytes of the numbers after the action."""
        return self.action.num_bytes(self)

    @classmethod
    def from_dict(cls, values: Any, where: str) -> "Decision":
        """The decision that JSON values describe.

        Raises:
            ConfigError: fields that are unknown, missing or of another type, or an action that the layer cannot take.
        """
        decision = from_dict(cls, values, where)
        if fault := decision.action.fault(decision):
            raise ConfigError(f"{where} {decision.name}, {fault}")
        return decision
