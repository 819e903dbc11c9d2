"""How fast a device multiplies matrices and reads memory: the two rates that bound every model."""

import time
from collections.abc import Callable
from statistics import median

import torch

# A matrix of 1,024 is past the caches' warm-up and far below a second everywhere; a device needs more to fill it.
_SIDE = {"cpu": 1024}
_DEVICE_SIDE = 8192
# 256 MB: more than a processor's last cache as a rule, so that memory is what is measured.
_READ_BYTES = 256 * 2**20


def gemm_rate(dtype: torch.dtype, device: torch.device | str = "cpu", seconds: float = 0.1) -> float:
    """10^9 operations a second of a square matrix product, a multiply and an add being two: the ceiling of MFU.

    Args:
        dtype: of the matrices.
        device: where.
        seconds: how long to measure; at least one product is.
    """
    device = torch.device(device)
    n = _SIDE.get(device.type, _DEVICE_SIDE)
    A, B = torch.rand(2, n, n, device=device).to(dtype)
    return 2 * n**3 / median_seconds(lambda: A @ B, device, seconds) / 1e9


def read_rate(device: torch.device | str = "cpu", seconds: float = 0.1) -> float:
    """10^9 bytes a second of a sum over float32 memory.

    Args:
        device: where.
        seconds: how long to measure.
    """
    device = torch.device(device)
    x = torch.ones(_READ_BYTES // 4, device=device)
    return x.nbytes / median_seconds(x.sum, device, seconds) / 1e9


def median_seconds(act: Callable[[], object], device: torch.device | str = "cpu", seconds: float = 0.1) -> float:
    """The median time of `act` over as many runs as fit into `seconds`, after one that is not counted."""
    device = torch.device(device)
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
