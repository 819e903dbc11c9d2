"""Random numbers that a seed settles."""

import torch

from eigenlm.allowed import check


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of the random numbers of a seed.

    >>> seeded(1 << 64)
    Traceback (most recent call last):
    eigenlm.errors.ConfigError: seed: expected a whole number from 0 to 2^32 - 1, got 18446744073709551616

    Raises:
        ConfigError: the seed is negative, or has more than 32 bits.
    """
    check(seed=seed)
    return torch.Generator(device).manual_seed(seed)
