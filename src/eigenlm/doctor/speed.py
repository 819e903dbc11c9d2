"""How fast this machine multiplies matrices and reads memory: the two rates that bound every model."""

from dataclasses import dataclass

import torch

from eigenlm.machine.speed import gemm_rate, read_rate


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Measured rates of one device, medians.

    Attributes:
        device: torch's name of it.
        gemm_float32: 10^9 operations a second (a multiply and an add are two) of a square float32 product.
        gemm_bfloat16: the same of bfloat16.
        read: 10^9 bytes a second of a sum over float32 memory.
    """

    device: str
    gemm_float32: float
    gemm_bfloat16: float
    read: float


def measure_speed(device: torch.device | str = "cpu", seconds: float = 0.3) -> Speed:
    """Measure each rate for about `seconds`.

    Args:
        device: where.
        seconds: time for each of the three.
    """
    device = torch.device(device)
    return Speed(
        device=str(device),
        gemm_float32=gemm_rate(torch.float32, device, seconds),
        gemm_bfloat16=gemm_rate(torch.bfloat16, device, seconds),
        read=read_rate(device, seconds),
    )
