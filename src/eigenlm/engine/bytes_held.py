"""What the weights of modules take in memory, those in oneDNN's layout and those of few bits among them."""

from collections.abc import Iterator
from itertools import chain

from torch import Tensor, nn

from eigenlm.linalg.coded_product import CodedProduct


def bytes_held(*modules: nn.Module) -> int:
    """Bytes of all tensors that modules hold, of which those that several share are counted once.

    >>> layer = nn.Linear(3, 5)
    >>> bytes_held(layer, layer)
    80
    """
    parts = {id(part): part for module in modules for part in module.modules()}
    return sum({key: size for part in parts.values() for key, size in _held(part)}.values())


def _held(part: nn.Module) -> Iterator[tuple[int, int]]:
    """What a module holds by itself, with a number that tells it from all else."""
    for value in chain(part._parameters.values(), part._buffers.values(), vars(part).values()):
        if isinstance(value, CodedProduct):
            yield id(value), value.num_bytes
        elif isinstance(value, Tensor):
            yield (id(value) if value.is_mkldnn else value.untyped_storage().data_ptr()), value.nbytes
