"""A matrix rounded to 2, 3 or 4 bits a number on a trellis, for rows of any width."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from eigenlm.compression.actions import Action, Found
from eigenlm.compression.offers import Changes, CompressionMethod, Fit, Metric
from eigenlm.errors import explain
from eigenlm.linalg.error_feedback import Feedback
from eigenlm.linalg.trellis import TRELLISES
from eigenlm.linear import LinearMap, TrellisLinear
from eigenlm.linear.trellis import BYTES_APART, bytes_of_row, packed_apart, packed_rows

BITS = (2, 3, 4)
"""Of a code, as they are offered."""
_GROUP = 32


@dataclass(frozen=True, kw_only=True)
class OnTrellis(Action):
    """Numbers become codes whose levels depend on the codes before, rounded in turn for what is read and what counts.

    Attributes:
        bits: of a code.
        group: columns that have a scale of their own.
        apart: numbers stored apart.
    """

    kind = "trellis"
    words = "rounded to few bits on a trellis (trellis)"
    parts = ("rows", "apart")
    bits: int
    group: int
    apart: int = 0

    @property
    def label(self) -> str:
        """Bits of a code."""
        return f"trellis of {self.bits} bits"

    def num_params(self, found: Found) -> int:
        """As many as the matrix has."""
        return found.rows * found.columns

    def num_bytes(self, found: Found) -> int:
        """Those of codes, scales and steps, and of what is stored apart."""
        return found.rows * bytes_of_row(found.columns, self.bits, self.group) + self.apart * BYTES_APART

    def fault(self, found: Found) -> str:
        """That there is no such trellis, or no such sizes."""
        if self.bits not in TRELLISES:
            return explain("bits", expected=f"one of {', '.join(map(str, TRELLISES))}", got=self.bits)
        if self.group < 1:
            return explain("group", expected="1 or more", got=self.group)
        return "" if self.apart >= 0 else explain("apart", expected="0 or more", got=self.apart)

    def fault_of_parts(self, found: Found, parts: Mapping[str, Tensor]) -> str:
        """That the bytes are not those of its rows and of what is stored apart."""
        sizes = {
            "rows": (found.rows, bytes_of_row(found.columns, self.bits, self.group)),
            "apart": (self.apart, BYTES_APART),
        }
        for name, expected in sizes.items():
            part = parts[name]
            if part.dtype != torch.uint8 or tuple(part.shape) != expected:
                got = f"{part.dtype} {tuple(part.shape)}"
                return explain(name, expected=f"bytes {expected}", got=got, do="plan anew")
        return self._layer(parts, found.columns, None, torch.float32).fault()

    def build(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> LinearMap:
        """The layer of these bytes."""
        W = layer.dense().detach()
        there = {name: part.to(W.device) for name, part in parts.items()}
        return self._layer(there, layer.in_features, layer.bias, W.dtype)

    def _layer(
        self, parts: Mapping[str, Tensor], columns: int, bias: Tensor | None, dtype: torch.dtype
    ) -> TrellisLinear:
        sizes = columns, self.bits, self.group
        return TrellisLinear.from_rows(parts["rows"], parts["apart"], sizes, bias, dtype)


def fit(layer: LinearMap, found: Found, metric: Metric) -> Fit:
    """One of each number of bits that is smaller than what is there."""
    given = metric.feedback()
    made = [_rounded(bits, layer, given) for bits in BITS]
    smaller = [(action, parts) for action, parts in made if action.num_bytes(found) < found.num_bytes_before]
    return Changes(layer, found, smaller)


def held(rows: int, columns: int, itemsize: int) -> int:
    """Bytes of the rounded matrices."""
    return rows * sum(bytes_of_row(columns, bits, _GROUP) for bits in BITS)


METHOD = CompressionMethod(fit, weighs=True, held=held)


def _rounded(bits: int, layer: LinearMap, given: tuple[Feedback, Feedback]) -> tuple[OnTrellis, dict[str, Tensor]]:
    from eigenlm.linalg.trellis_rounding import round_on_trellis  # compiles, which other methods need not wait for

    rounded = round_on_trellis(layer.dense().detach().cpu(), *given, TRELLISES[bits], _GROUP)
    return OnTrellis(bits=bits, group=_GROUP, apart=len(rounded.places)), {
        "rows": packed_rows(rounded.codes, rounded.scales, rounded.steps, bits),
        "apart": packed_apart(rounded.places, rounded.numbers),
    }
