"""A linear layer whose matrix is stored in 8 bits a number."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Int8
from torch import Tensor, nn

from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linalg.row_rounding import round_rows
from eigenlm.linear.contract import LinearMap, as_bias


class Int8Linear(LinearMap):
    """y = s * (Q x) + b: Q (out, in) whole numbers from -127 to 127, s (out) the size of a step in each row.

    Q is no parameter: it takes no gradient and keeps its type when the model's changes; s and b are trained as usual.
    """

    kind = "int8"
    codes: Int8[Tensor, "out in"]

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        """Make a layer with a zero matrix.

        Args:
            in_features: width of x.
            out_features: width of y.
            bias: whether b is there.
        """
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.register_buffer("codes", torch.zeros(out_features, in_features, dtype=torch.int8))
        self.scale = nn.Parameter(torch.ones(out_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    @classmethod
    def from_dense(cls, W: Float[Tensor, "out in"], bias: Tensor | None = None) -> "Int8Linear":
        """Each number rounded to the nearest step, 1/127 of the largest magnitude in its row."""
        rounded = round_rows(W.detach(), 8)
        with torch.device("meta"):
            layer = cls(W.shape[1], W.shape[0], bias=False)
        layer.codes = rounded.codes
        layer.scale, layer.bias = nn.Parameter(rounded.steps), as_bias(bias)
        return layer

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Products with the codes, which every float type holds exactly, then the steps."""
        y = F.linear(x, self.codes.to(x.dtype)) * self.scale.to(x.dtype)
        return y if self.bias is None else y + self.bias.to(x.dtype)

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return self.codes.to(self.scale.dtype) * self.scale[:, None]

    def rows(self, places: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch in"]:
        """Rows of it; no others are multiplied."""
        return F.embedding(places, self.codes).to(self.scale.dtype) * self.scale[places][..., None]

    def coded(self) -> CodedMatrix | None:
        """Q and s, one group a row; None where s is wider than float32."""
        if self.scale.dtype == torch.float64:
            return None
        return CodedMatrix(codes=self.codes, steps=self.scale.detach().float()[:, None], dtype=self.scale.dtype)

    @property
    def num_multiplications(self) -> int:
        """Multiplications for one row of x."""
        return self.in_features * self.out_features + self.out_features

    @property
    def num_params(self) -> int:
        """Numbers that make up W and b: codes, steps and bias."""
        return super().num_params + self.codes.numel()
