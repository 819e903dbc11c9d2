"""What a linear layer takes up."""

from itertools import chain

from torch import nn


class Sizes(nn.Module):
    """Counts of what a layer stores, for layers to inherit."""

    @property
    def num_params(self) -> int:
        """Numbers that can be trained."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def num_bytes(self) -> int:
        """Bytes stored, places of rows included."""
        return sum(tensor.nbytes for tensor in chain(self.parameters(), self.buffers()))
