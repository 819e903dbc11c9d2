"""Numbers behind an address, which compiled loops read and write as float32 or as bfloat16."""

from typing import Any

import numpy as np
from jaxtyping import Float32

from eigenlm.machine.compiled import compiled
from eigenlm.machine.threads import array_at


@compiled
def numbers_at(place: Any, count: int, half: int) -> Float32[np.ndarray, " count"]:
    """Numbers at an address, which are bfloat16 where `half`: the upper bits of a float32."""
    if not half:
        return array_at(place, count, np.float32)
    wide, bits = np.empty(count, np.float32), array_at(place, count, np.uint16)
    for i in range(count):
        wide[i] = np.uint32(np.uint32(bits[i]) << np.uint32(16)).view(np.float32)
    return wide


@compiled
def write_at(
    numbers: Float32[np.ndarray, "rows columns"], row: int, count: int, place: Any, first: int, half: int
) -> None:
    """Put a row behind an address, rounded to the nearest bfloat16 where `half`, of two as near the even one."""
    if half:
        bits = array_at(place, first + count, np.uint16)[first:]
        for r in range(count):
            number = np.float32(numbers[row, r])
            whole = number.view(np.uint32)
            rounded = np.uint32(
                np.uint32(whole + np.uint32(0x7FFF) + ((whole >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
            )
            bits[r] = rounded if number == number else np.uint32(0x7FC0)
    else:
        wide = array_at(place, first + count, np.float32)[first:]
        for r in range(count):
            wide[r] = numbers[row, r]
