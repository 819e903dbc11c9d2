"""A linear layer whose matrix is stored in 2, 3 or 4 bits a number, for rows of any width."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int32, UInt8
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.trellis import SCALE_TOP, TRELLISES
from eigenlm.linear.contract import LinearMap, as_bias

BYTES_APART = 6
"""Of a number that is stored apart."""
_GROUP = 32
_WIDER = 1.004  # than a number that bfloat16 may round down


class TrellisLinear(LinearMap):
    """y = W x + b with W_ij = step_i scale_ig v(s_ij), s the window of a code and those above it (`linalg.trellis`).

    A row holds its step in bfloat16, a scale of 4 bits for each group of columns, and its codes: of each bit one plane.
    A few numbers are stored apart, each as its place in 4 bytes and itself in bfloat16; their codes say nothing. The
    bytes are no parameter: they take no gradient and stay when the model's type changes; b is trained as usual.

    Attributes:
        bits: of a code: 2, 3 or 4; with 8, codes are equal steps.
        group: columns of one scale; the last group may be narrower.
        num_apart: numbers stored apart.
    """

    kind = "trellis"
    settings = ("bits", "group", "num_apart")
    in_gguf = "rounded"
    row_bytes: UInt8[Tensor, "out bytes"]
    apart: UInt8[Tensor, "k 6"]
    like: Float[Tensor, "0"]

    def __init__(
        self, in_features: int, out_features: int, bits: int, group: int, num_apart: int = 0, bias: bool = True
    ) -> None:
        """Make a layer of zero bytes.

        Args:
            in_features: width of x.
            out_features: width of y.
            bits: of a code.
            group: columns of one scale.
            num_apart: numbers stored apart.
            bias: whether b is there.

        Raises:
            ConfigError: there is no trellis of so many bits, or no columns in a group.
        """
        super().__init__()
        if bits not in TRELLISES or group < 1:
            expected, got = f"bits of {', '.join(map(str, TRELLISES))} and a group of 1 or more", f"{bits} and {group}"
            raise ConfigError(explain("linear layer on a trellis", expected=expected, got=got))
        self.in_features, self.out_features, self.bits, self.group = in_features, out_features, bits, group
        self.num_apart = num_apart
        self.register_buffer("row_bytes", torch.zeros(out_features, bytes_of_row(in_features, bits, group)).byte())
        self.register_buffer("apart", torch.zeros(num_apart, BYTES_APART, dtype=torch.uint8))
        self.register_buffer("like", torch.zeros(0), persistent=False)  # no numbers: it has the dtype of the model
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    @classmethod
    def from_dense(cls, W: Float[Tensor, "out in"], bias: Tensor | None = None) -> "TrellisLinear":
        """Each number rounded to the nearest of 256 equal steps; `compression` finds fewer bits."""
        exact, groups = W.detach().float(), -(-W.shape[1] // _GROUP)
        largest = F.pad(exact, (0, -W.shape[1] % _GROUP)).view(len(W), groups, _GROUP).abs().amax(2)
        steps = (_WIDER / SCALE_TOP * F.pad(largest, (0, 1)).amax(1)).bfloat16()
        scales = (largest / steps.float()[:, None]).nan_to_num(0.0).ceil().clamp(max=SCALE_TOP)
        whole = _by_column(scales * steps.float()[:, None], _GROUP, W.shape[1])
        codes = (127.5 * (exact / whole).nan_to_num(0.0) + 127.5).round().clamp(0, 255)
        rows, none = packed_rows(codes.byte(), scales.byte(), steps, 8), codes.new_zeros(0, BYTES_APART).byte()
        return cls.from_rows(rows, none, (W.shape[1], 8, _GROUP), bias, W.dtype)

    @classmethod
    def from_rows(
        cls,
        rows: UInt8[Tensor, "out bytes"],
        apart: UInt8[Tensor, "k 6"],
        sizes: tuple[int, int, int],
        bias: Tensor | None,
        dtype: torch.dtype,
    ) -> "TrellisLinear":
        """The layer of these very bytes, which are not copied.

        Args:
            rows: what `packed_rows` gave.
            apart: what `packed_apart` gave.
            sizes: numbers in a row, bits and group.
            bias: b, or None.
            dtype: of the matrix that is applied.
        """
        with torch.device("meta"):
            layer = cls(sizes[0], len(rows), *sizes[1:], len(apart), bias=False)
        layer.row_bytes, layer.apart, layer.like = rows, apart, torch.zeros(0, dtype=dtype, device=rows.device)
        layer.bias = as_bias(bias)
        return layer

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """The product with the matrix that the codes spell."""
        return F.linear(x, self.dense().to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        if not self.out_features * self.in_features or self.row_bytes.is_meta:
            return self.like.new_zeros(self.out_features, self.in_features, device=self.row_bytes.device)
        trellis, codes_at = TRELLISES[self.bits], 2 + _half(self._groups)
        steps = self.row_bytes[:, :2].flatten().view(torch.bfloat16).float()[:, None]
        pairs = self.row_bytes[:, 2:codes_at]
        scales = torch.stack([pairs & SCALE_TOP, pairs >> 4], 2).flatten(1)[:, : self._groups]
        windows = trellis.windows(_codes(self.row_bytes[:, codes_at:], self.bits)[:, : self.in_features])
        levels = torch.from_numpy(trellis.levels()).to(self.row_bytes.device)
        numbers = levels.index_select(0, windows.flatten().int()).view(windows.shape)
        numbers.mul_(_by_column(steps * scales, self.group, self.in_features))
        numbers.view(-1)[self._places().long()] = self.apart[:, 4:].flatten().view(torch.bfloat16).float()
        return numbers.to(self.like.dtype)

    def fault(self) -> str:
        """That a number stored apart has no place in the matrix."""
        places, last = self._places(), self.out_features * self.in_features - 1
        if ((places >= 0) & (places <= last)).all():
            return ""
        return f"apart: expected places from 0 to {last}, got others"

    def _places(self) -> Int32[Tensor, " k"]:
        return self.apart[:, :4].flatten().view(torch.int32)

    @property
    def num_params(self) -> int:
        """Numbers that make up W and b."""
        return super().num_params + self.in_features * self.out_features

    @property
    def _groups(self) -> int:
        return -(-self.in_features // self.group)


def bytes_of_row(columns: int, bits: int, group: int) -> int:
    """Bytes of a step, of scales, and of codes."""
    return 2 + _half(-(-columns // group)) + bits * -(-columns // 8)


def packed_rows(
    codes: UInt8[Tensor, "m n"], scales: UInt8[Tensor, "m g"], steps: Float[Tensor, " m"], bits: int
) -> UInt8[Tensor, "m bytes"]:
    """Rows as bytes.

    Args:
        codes: from 0 to 2^bits - 1.
        scales: of groups of columns, from 0 to 15.
        steps: of the rows, in bfloat16.
        bits: of a code.
    """
    pairs = F.pad(scales, (0, scales.shape[1] % 2)).unflatten(1, (-1, 2))
    eights = F.pad(codes, (0, -codes.shape[1] % 8)).unflatten(1, (-1, 8))
    places = torch.arange(8, device=codes.device)
    planes = [((eights >> bit & 1) << places).sum(2).byte() for bit in range(bits)]
    return torch.cat([steps.bfloat16()[:, None].view(torch.uint8), pairs[..., 0] | pairs[..., 1] << 4, *planes], 1)


def packed_apart(places: Int32[Tensor, " k"], numbers: Float[Tensor, " k"]) -> UInt8[Tensor, "k 6"]:
    """Numbers that are stored apart as bytes.

    Args:
        places: i in_features + j.
        numbers: in bfloat16.
    """
    return torch.cat([places[:, None].view(torch.uint8), numbers.bfloat16()[:, None].view(torch.uint8)], 1)


def _codes(planes: UInt8[Tensor, "m bytes"], bits: int) -> UInt8[Tensor, "m n"]:
    """Codes of 8 numbers at once, which are the bytes of one whole number."""
    eights, *higher = _spread(planes).chunk(bits, 1)
    eights = eights.contiguous()
    for bit, plane in enumerate(higher, 1):
        eights.add_(plane, alpha=1 << bit)
    return eights.view(torch.uint8)


def _spread(planes: UInt8[Tensor, "m bytes"]) -> Tensor:
    """Whole numbers of 8 bytes, each one bit of a byte."""
    bits = torch.arange(256, device=planes.device)[:, None] >> torch.arange(8, device=planes.device) & 1
    table = bits.byte().view(torch.int64).flatten()
    return table.index_select(0, planes.flatten().int()).view(planes.shape)


def _by_column(of_groups: Float[Tensor, "m g"], group: int, columns: int) -> Float[Tensor, "m n"]:
    return of_groups.repeat_interleave(group, 1)[:, :columns]


def _half(groups: int) -> int:
    return -(-groups // 2)
