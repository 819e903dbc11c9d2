"""A linear layer whose matrix is stored in blocks of few bits a number, as GGUF files have them."""

import numpy as np
import torch
import torch.nn.functional as F
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linear.block_codes import block_codes
from eigenlm.linear.contract import LinearMap, as_bias


class BlockLinear(LinearMap):
    """y = W x + b with the rows of W (out, in) as bytes of one of ggml's types, padded to whole blocks.

    The bytes are no parameter: they take no gradient and stay when the model's type changes; b is trained as usual.

    Attributes:
        block_type: the number of the type in ggml, such as 12 for Q4_K.
    """

    kind = "blocks"
    settings = ("block_type",)
    in_gguf = "kept"
    blocks: UInt8[Tensor, "out bytes"]
    like: Float[Tensor, "0"]

    def __init__(self, in_features: int, out_features: int, block_type: int, bias: bool = True) -> None:
        """Make a layer of zero bytes.

        Args:
            in_features: width of x.
            out_features: width of y.
            block_type: the number of one of ggml's types.
            bias: whether b is there.

        Raises:
            ConfigError: ggml has no such type.
        """
        super().__init__()
        self.in_features, self.out_features, self.block_type = in_features, out_features, block_type
        if block_type not in GGMLQuantizationType._value2member_map_:
            expected = "the number of one of ggml's types"
            raise ConfigError(explain("linear layer of blocks, block_type", expected=expected, got=block_type))
        self.register_buffer(
            "blocks", torch.zeros(out_features, bytes_of_row(in_features, block_type), dtype=torch.uint8)
        )
        self.register_buffer("like", torch.zeros(0), persistent=False)  # no numbers: it has the dtype of the model
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    @classmethod
    def from_dense(cls, W: Float[Tensor, "out in"], bias: Tensor | None = None) -> "BlockLinear":
        """The same numbers as float32, ggml's widest type; `compression` finds narrower ones."""
        rows = W.detach().float().contiguous().view(torch.uint8) if W.numel() else W.new_zeros(len(W), 0).byte()
        return cls.from_blocks(rows, W.shape[1], int(GGMLQuantizationType.F32), bias, W.dtype)

    @classmethod
    def from_blocks(
        cls, blocks: UInt8[Tensor, "out bytes"], columns: int, block_type: int, bias: Tensor | None, dtype: torch.dtype
    ) -> "BlockLinear":
        """The layer of these very bytes, which are not copied.

        Args:
            blocks: rows of whole blocks.
            columns: numbers of a row that count; the rest of its last block is padding.
            block_type: as above.
            bias: b, or None.
            dtype: of the matrix that is applied.
        """
        with torch.device("meta"):
            layer = cls(columns, len(blocks), block_type, bias=False)
        layer.blocks, layer.like = blocks, torch.zeros(0, dtype=dtype, device=blocks.device)
        layer.bias = as_bias(bias)
        return layer

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """The product with the matrix that the blocks hold."""
        return F.linear(x, self.dense().to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return self._numbers(self.blocks)

    def rows(self, places: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch in"]:
        """Rows of it; no others are read."""
        return self._numbers(F.embedding(places.flatten(), self.blocks)).view(*places.shape, self.in_features)

    def _numbers(self, blocks: UInt8[Tensor, "m bytes"]) -> Float[Tensor, "m in"]:
        if not blocks.numel() or blocks.is_meta:
            return self.like.new_zeros(len(blocks), self.in_features, device=blocks.device)
        with np.errstate(all="ignore"):
            numbers = dequantize(blocks.cpu().numpy(), GGMLQuantizationType(self.block_type))
        return torch.from_numpy(numbers)[:, : self.in_features].to(blocks.device, self.like.dtype)

    def coded(self) -> CodedMatrix | None:
        """The codes that the blocks hold, of most types."""
        return block_codes(self.blocks, self.in_features, self.block_type, self.like.dtype)

    @property
    def num_params(self) -> int:
        """Numbers that make up W and b."""
        return super().num_params + self.in_features * self.out_features


def bytes_of_row(columns: int, block_type: int) -> int:
    """Bytes of so many numbers as blocks of a type of ggml, the last one padded."""
    block, size = GGML_QUANT_SIZES[GGMLQuantizationType(block_type)]
    return -(-columns // block) * size
