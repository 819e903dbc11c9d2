"""The plain linear layer."""

from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.model.linear.sizes import Sizes


class DenseLinear(Sizes, nn.Linear):
    """y = W x + b with every number of W (out, in) kept."""

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return self.weight
