"""The plain linear layer."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linear.as_read import few_bits
from eigenlm.linear.contract import LinearMap, as_bias


class DenseLinear(LinearMap, nn.Linear):  # type: ignore[misc]
    """y = W x + b with every number of W (out, in) kept.

    Computed in the precision of x: training keeps W in float32 and multiplies in bfloat16.
    """

    kind = "dense"

    @classmethod
    def from_dense(cls, W: Float[Tensor, "out in"], bias: Tensor | None = None) -> "DenseLinear":
        """The layer of this very matrix, which is not copied."""
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        layer.out_features, layer.in_features = W.shape
        layer.weight, layer.bias = nn.Parameter(W.detach()), as_bias(bias)
        return layer

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """W x + b."""
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return self.weight

    def coded(self) -> CodedMatrix | None:
        """The few bits that W was read from, where they are found again to the last bit."""
        return few_bits(self.weight)
