"""The plain linear layer."""

from jaxtyping import Float
from torch import Tensor, nn


class DenseLinear(nn.Linear):
    """y = W x + b with every number of W (out, in) kept."""

    def dense(self) -> Float[Tensor, "out in"]:
        """The matrix this layer applies."""
        return self.weight

    @property
    def num_params(self) -> int:
        """Numbers stored."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def num_bytes(self) -> int:
        """Bytes stored."""
        return sum(parameter.nbytes for parameter in self.parameters())
