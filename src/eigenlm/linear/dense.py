"""The plain linear layer."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.linear.sizes import Sizes


class DenseLinear(Sizes, nn.Linear):
    """y = W x + b with every number of W (out, in) kept.

    Computed in the precision of x: training keeps W in float32 and multiplies in bfloat16.
    """

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """W x + b."""
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return self.weight
