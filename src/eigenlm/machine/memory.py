"""How much memory can be had, asked before it is taken."""

import psutil
import torch
from rich.filesize import decimal

from eigenlm.errors import ConfigError, explain


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device without anybody giving way."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def check_memory(needed: int, device: torch.device, what: str, do: str) -> None:
    """Refuse what would not fit.

    Args:
        needed: bytes, predicted.
        device: where they are needed.
        what: needs them.
        do: what would need fewer.

    Raises:
        ConfigError: less is free.
    """
    free = free_memory(device)
    if needed > free:
        raise ConfigError(explain(what, expected=f"{decimal(needed)} of memory to be free", got=decimal(free), do=do))
