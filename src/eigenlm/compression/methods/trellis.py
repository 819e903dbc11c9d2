"""A matrix rounded to 2, 3 or 4 bits a number on a trellis, for rows of any width."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from eigenlm.compression.actions import Action, Found
from eigenlm.compression.offers import Metric, Offer
from eigenlm.errors import explain
from eigenlm.linalg.error_feedback import Feedback, feedback
from eigenlm.linalg.trellis import TRELLISES
from eigenlm.linear import LinearMap, TrellisLinear
from eigenlm.linear.trellis import bytes_of_row, packed_rows

BITS = (2, 3, 4)
"""Of a code, as they are offered."""
_GROUP = 32


@dataclass(frozen=True, kw_only=True)
class OnTrellis(Action):
    """Numbers become codes whose levels depend on the codes before, rounded in turn for what is read and what counts.

    Attributes:
        bits: of a code.
        group: columns that have a scale of their own.
    """

    kind = "trellis"
    words = "rounded to few bits on a trellis (bits)"
    parts = ("rows",)
    bits: int
    group: int

    def num_params(self, found: Found) -> int:
        """As many as the matrix has."""
        return found.rows * found.columns

    def num_bytes(self, found: Found) -> int:
        """Those of codes, scales and steps."""
        return found.rows * bytes_of_row(found.columns, self.bits, self.group)

    def fault(self, found: Found) -> str:
        """That there is no such trellis."""
        if self.bits not in TRELLISES:
            return explain("bits", expected=f"one of {', '.join(map(str, TRELLISES))}", got=self.bits)
        return "" if self.group > 0 else explain("group", expected="1 or more", got=self.group)

    def fault_of_parts(self, found: Found, parts: Mapping[str, Tensor]) -> str:
        """That the bytes are not those of its rows."""
        rows, expected = parts["rows"], (found.rows, bytes_of_row(found.columns, self.bits, self.group))
        if rows.dtype == torch.uint8 and tuple(rows.shape) == expected:
            return ""
        return explain("rows", expected=f"bytes {expected}", got=f"{rows.dtype} {tuple(rows.shape)}", do="plan anew")

    def build(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> LinearMap:
        """The layer of these bytes."""
        W = layer.dense().detach()
        rows = parts["rows"].to(W.device)
        return TrellisLinear.from_rows(rows, layer.in_features, self.bits, self.group, layer.bias, W.dtype)


def offers(layer: LinearMap, found: Found, metric: Metric) -> list[Offer]:
    """One of each number of bits that is smaller than what is there."""
    actions = [OnTrellis(bits=bits, group=_GROUP) for bits in BITS]
    smaller = [action for action in actions if action.num_bytes(found) < found.num_bytes_before]
    gram = metric.input_gram if metric.weighted_input_gram is None else metric.weighted_input_gram
    inputs, outputs = feedback(gram.cpu()), feedback(metric.output_gram.cpu())
    return [_offer(action, layer, found, metric, (inputs, outputs)) for action in smaller]


def _offer(
    action: OnTrellis, layer: LinearMap, found: Found, metric: Metric, given: tuple[Feedback, Feedback]
) -> Offer:
    from eigenlm.linalg.trellis_rounding import round_on_trellis  # compiles, which other methods need not wait for

    W = layer.dense().detach()
    rounded = round_on_trellis(W.cpu(), *given, TRELLISES[action.bits], action.group)
    parts = {"rows": packed_rows(rounded.codes, rounded.scales, rounded.steps, action.bits)}
    built = action.build(layer, parts)
    loss = metric.loss(built.dense().detach() - W)
    num_bytes, time = action.num_bytes(found), built.num_multiplications
    return Offer(action=action, bytes=num_bytes, loss=loss, time=time, parts=lambda: parts)
