"""How decoding keeps keys and values: as they are, or each head's vector as whole numbers of few bits."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.allowed import CACHES, check_cache
from eigenlm.errors import ConfigError, explain

_GROUP = 32  # numbers of 4 bits with one step


class VectorCodes(ABC):
    """A way to store vectors as one or more tensors, which are zero for a vector of zeros."""

    @abstractmethod
    def encode(self, x: Float[Tensor, "*batch K"]) -> tuple[Tensor, ...]:
        """What is kept of vectors, tensors of their shape but for the last dimension."""

    @abstractmethod
    def decode(self, kept: tuple[Tensor, ...], dtype: torch.dtype) -> Float[Tensor, "*batch K"]:
        """The vectors that are told by what is kept of them."""

    @abstractmethod
    def num_bytes(self, width: int, itemsize: int) -> int:
        """That are kept of a vector.

        Args:
            width: K, numbers in it.
            itemsize: bytes of a number as it came.
        """


class AsTheyAre(VectorCodes):
    """The vectors themselves."""

    def encode(self, x: Float[Tensor, "*batch K"]) -> tuple[Tensor, ...]:
        """They."""
        return (x,)

    def decode(self, kept: tuple[Tensor, ...], dtype: torch.dtype) -> Float[Tensor, "*batch K"]:
        """They."""
        return kept[0]

    def num_bytes(self, width: int, itemsize: int) -> int:
        """K numbers."""
        return width * itemsize


class EightBits(VectorCodes):
    """s c_k with whole numbers c_k from -127 to 127 and a step s in bfloat16: 8.25 bits a number for K = 64."""

    def encode(self, x: Float[Tensor, "*batch K"]) -> tuple[Tensor, ...]:
        """Codes c and their step s."""
        x = x.float()
        step = (x.abs().amax(dim=-1, keepdim=True) / 127).bfloat16()
        codes = (x / _never_zero(step)).round().clamp(-127, 127)
        return codes.to(torch.int8), step

    def decode(self, kept: tuple[Tensor, ...], dtype: torch.dtype) -> Float[Tensor, "*batch K"]:
        """The numbers s c."""
        codes, step = kept
        return codes.to(dtype) * step.to(dtype)

    def num_bytes(self, width: int, itemsize: int) -> int:
        """K codes and a step."""
        return width + 2


class FourBits(VectorCodes):
    """H x in groups of 32 numbers, s c_k + l with c_k from 0 to 15 and s and l in bfloat16: 5 bits a number.

    A Hadamard matrix H spreads what a few numbers of all keys have much of (arXiv:2404.00456); H is its own inverse.
    """

    def encode(self, x: Float[Tensor, "*batch K"]) -> tuple[Tensor, ...]:
        """Codes, two in a byte, and s and l of each group."""
        groups = _turned(x.float()).unflatten(-1, (-1, _group(x.shape[-1])))
        low, high = groups.amin(dim=-1).bfloat16(), groups.amax(dim=-1)
        step = ((high - low.float()) / 15).bfloat16()
        codes = ((groups - low.float()[..., None]) / _never_zero(step)[..., None]).round().clamp(0, 15)
        pairs = codes.to(torch.uint8).flatten(-2).unflatten(-1, (-1, 2))
        return pairs[..., 0] | pairs[..., 1] << 4, step, low

    def decode(self, kept: tuple[Tensor, ...], dtype: torch.dtype) -> Float[Tensor, "*batch K"]:
        """H (s c + l)."""
        codes, step, low = kept
        pairs = torch.stack([codes & 15, codes >> 4], dim=-1).flatten(-2)
        groups = pairs.unflatten(-1, (low.shape[-1], -1)).float() * step[..., None].float() + low[..., None].float()
        return _turned(groups.flatten(-2)).to(dtype)

    def num_bytes(self, width: int, itemsize: int) -> int:
        """K / 2 bytes of codes, and a step and a least number a group."""
        return width // 2 + 4 * (width // _group(width))


FORMS: dict[str, VectorCodes] = dict(zip(CACHES, (AsTheyAre(), EightBits(), FourBits()), strict=True))


def codes_named(name: str, widths: Iterable[int]) -> VectorCodes:
    """The form of a name, for vectors of some widths.

    Raises:
        ConfigError: there is no such name, or 4 bits of vectors of an odd width.
    """
    check_cache(name)
    if name == "int4" and (odd := next((width for width in widths if width % 2), None)):
        raise ConfigError(explain("a cache of 4 bits", expected="heads of an even width", got=odd, do="take int8"))
    return FORMS[name]


def _never_zero(step: Tensor) -> Tensor:
    return step.float().where(step != 0, 1.0)


def _group(width: int) -> int:
    """The largest power of two up to 32 that divides a width."""
    return min(width & -width, _GROUP)


def _turned(x: Float[Tensor, "*batch K"]) -> Float[Tensor, "*batch K"]:
    """H x, in parts as wide as the largest power of two that divides K."""
    size = x.shape[-1] & -x.shape[-1]
    return (x.unflatten(-1, (-1, size)) @ _hadamard(size, x.device)).flatten(-2)


@cache
def _hadamard(size: int, device: torch.device) -> Float[Tensor, "n n"]:
    """Symmetric and orthogonal, all of its entries of one size (Sylvester 1867)."""
    H = torch.ones(1, 1, device=device)
    while len(H) < size:
        H = torch.cat([torch.cat([H, H], dim=1), torch.cat([H, -H], dim=1)])
    return H / size**0.5
