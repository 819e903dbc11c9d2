"""A matrix rounded to blocks of few bits a number, as GGUF files have them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from torch import Tensor

from eigenlm.compression.actions import Action, Found
from eigenlm.compression.offers import Changes, CompressionMethod, Fit, Metric
from eigenlm.errors import explain
from eigenlm.linalg.error_feedback import Feedback
from eigenlm.linear import BlockLinear, LinearMap
from eigenlm.linear.blocks import bytes_of_row

TYPES = (
    "IQ2_XXS",
    "IQ2_S",
    "IQ3_XXS",
    "IQ3_S",
    "IQ4_XS",
    "MXFP4",
    "IQ4_NL",
    "Q4_K",
    "Q4_1",
    "Q5_0",
    "Q5_K",
    "Q5_1",
    "Q6_K",
    "Q8_0",
)
"""Types that are offered, from the fewest bits to the most; those of 256 numbers for rows of whole blocks alone."""
_WIDER = {"MXFP4": "IQ4_XS", "IQ4_NL": "Q4_K", "Q5_0": "Q5_K"}
"""Types of as many bits, nearer to the numbers (docs/log.md), that take their place where rows are of whole blocks."""
_Given = tuple[Feedback, Feedback]


@dataclass(frozen=True, kw_only=True)
class FewBits(Action):
    """Numbers become codes of a type of GGUF, rounded in turn for what the matrix reads and what its outputs count.

    Attributes:
        type: its name, such as Q4_K.
    """

    kind = "blocks"
    words = "rounded to blocks of few bits (bits)"
    parts = ("blocks",)
    type: str

    @property
    def label(self) -> str:
        """The type's name."""
        return self.type

    def num_params(self, found: Found) -> int:
        """As many as the matrix has."""
        return found.rows * found.columns

    def num_bytes(self, found: Found) -> int:
        """Those of whole blocks."""
        return found.rows * bytes_of_row(found.columns, self._number)

    def fault(self, found: Found) -> str:
        """That there is no such type."""
        if self.type in GGMLQuantizationType.__members__:
            return ""
        return explain("type", expected=f"one of ggml's, such as {', '.join(TYPES)}", got=repr(self.type))

    def fault_of_parts(self, found: Found, parts: Mapping[str, Tensor]) -> str:
        """That the bytes are not those of its rows."""
        blocks, expected = parts["blocks"], (found.rows, bytes_of_row(found.columns, self._number))
        if blocks.dtype == torch.uint8 and tuple(blocks.shape) == expected:
            return ""
        return explain(
            "blocks", expected=f"bytes {expected}", got=f"{blocks.dtype} {tuple(blocks.shape)}", do="plan anew"
        )

    def build(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> LinearMap:
        """The layer of these bytes."""
        W = layer.dense().detach()
        blocks = parts["blocks"].to(W.device)
        return BlockLinear.from_blocks(blocks, layer.in_features, self._number, layer.bias, W.dtype)

    @property
    def _number(self) -> int:
        return int(GGMLQuantizationType[self.type])


def fit(layer: LinearMap, found: Found, metric: Metric) -> Fit:
    """One of each type that is smaller than what is there."""
    actions = [FewBits(type=name) for name in TYPES if _fits(name, found.columns)]
    smaller = [action for action in actions if action.num_bytes(found) < found.num_bytes_before]
    given = metric.feedback()
    return Changes(layer, found, [(action, {"blocks": _rounded(action, layer, given)}) for action in smaller])


def held(rows: int, columns: int, itemsize: int) -> int:
    """Bytes of the rounded matrices."""
    numbers = [int(GGMLQuantizationType[name]) for name in TYPES if _fits(name, columns)]
    return rows * sum(bytes_of_row(columns, number) for number in numbers)


METHOD = CompressionMethod(fit, weighs=True, gguf=True, held=held)


def _fits(name: str, columns: int) -> bool:
    """Whether rows of so many numbers are offered a type."""
    return not _whole(_WIDER[name], columns) if name in _WIDER else _whole(name, columns)


def _whole(name: str, columns: int) -> bool:
    block, _ = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    return block <= 32 or columns % block == 0


def _rounded(action: FewBits, layer: LinearMap, given: _Given) -> Tensor:
    from eigenlm.checkpoint.gguf_blocks import encode_in_turn  # compiles, which other methods need not wait for

    W = layer.dense().detach().cpu()
    return torch.from_numpy(encode_in_turn(W, *given, GGMLQuantizationType[action.type]))
