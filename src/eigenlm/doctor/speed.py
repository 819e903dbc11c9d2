"""How fast this machine multiplies matrices and reads memory: the two rates that bound every model."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

# A matrix of 1,024 is past the caches' warm-up and far below a second everywhere; a device needs more to fill it.
_SIDE = {"cpu": 1024}
_DEVICE_SIDE = 8192
# 256 MB: more than a processor's last cache as a rule, so that memory is what is measured.
_READ_BYTES = 256 * 2**20


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
        gemm_float32=_gemm_rate(torch.float32, device, seconds),
        gemm_bfloat16=_gemm_rate(torch.bfloat16, device, seconds),
        read=_read_rate(device, seconds),
    )


def _gemm_rate(dtype: torch.dtype, device: torch.device, seconds: float) -> float:
    n = _SIDE.get(device.type, _DEVICE_SIDE)
    A, B = torch.rand(2, n, n, device=device).to(dtype)
    return 2 * n**3 / _median_seconds(lambda: A @ B, device, seconds) / 1e9


def _read_rate(device: torch.device, seconds: float) -> float:
    x = torch.ones(_READ_BYTES // 4, device=device)
    return x.nbytes / _median_seconds(x.sum, device, seconds) / 1e9


def _median_seconds(act: Callable[[], object], device: torch.device, seconds: float) -> float:
    """The median time of `act` over as many runs as fit, after one that is not counted."""
    _finish(act, device)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        _finish(act, device)
        times.append(time.perf_counter() - start)
    return median(times)


def _finish(act: Callable[[], object], device: torch.device) -> None:
    act()
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
