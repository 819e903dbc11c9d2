"""Accelerators by name: what their makers publish, and how much of it a training step gets."""

import difflib

from eigenlm.errors import ConfigError, explain
from eigenlm.planner.machine import Machine, Rates

# Fractions of the published peaks that a step gets. Products: one large bfloat16 product was seen at 0.80 of an H200's
# peak; smaller ones, launches and clocks under load take it to 0.62, fitted on torchtitan's row of 32 H200. Attention:
# FlashAttention-2 reaches about 0.37 forward and 0.33 backward of an H100's peak (arXiv:2407.08608, figure 5), and its
# backward computes Q K^T again: 5 products for the forward's 2 (arXiv:2205.14135). Memory: 0.85, links 0.80.
PRODUCTS, ATTENTION_FORWARD, ATTENTION_BACKWARD, BANDWIDTH, LINKS = 0.62, 0.37, 0.33 / 2.5, 0.85, 0.80
# The CUDA context and its libraries' workspaces.
_CONTEXT = 1.5e9
# As `accelerators` takes them.
_PUBLISHED = {
    "A100": {"peak": 312e12, "single": 156e12, "memory": 80e9, "bandwidth": 2.039e12, "link": 300e9},
    "H100": {"peak": 989e12, "single": 494e12, "memory": 80e9, "bandwidth": 3.35e12, "link": 450e9},
    "H200": {"peak": 989e12, "single": 494e12, "memory": 141e9, "bandwidth": 4.8e12, "link": 450e9},
}


def accelerators(
    name: str,
    devices: int,
    *,
    peak: float,
    single: float,
    memory: float,
    bandwidth: float,
    link: float,
    products: float = PRODUCTS,
) -> Machine:
    """Equal accelerators in nodes of eight, with a 400 Gb/s network port each.

    Args:
        name: of the machine.
        devices: how many.
        peak: published dense bfloat16 FLOP/s.
        single: the same in float32 (TensorFloat-32).
        memory: bytes.
        bandwidth: of memory, bytes a second.
        link: bytes a second and direction to the devices of the node.
        products: fraction of the peak that a step's matrix products get.
    """
    moved = BANDWIDTH * bandwidth

    def rates(peak: float, number: int) -> Rates:
        return Rates(
            products=products * peak,
            attention_forward=ATTENTION_FORWARD * peak,
            attention_backward=ATTENTION_BACKWARD * peak,
            activation_forward=moved / (2 * number),
            activation_backward=moved / (3 * number),
            moved=moved,
        )

    return Machine(
        name=name,
        device="cuda",
        devices=devices,
        devices_a_node=8,
        float32=rates(single, 4),
        bfloat16=rates(peak, 2),
        softmax=float("inf"),
        updated=moved,
        call=0.0,
        memory=memory,
        base=_CONTEXT,
        link=LINKS * link,
        network=LINKS * 50e9,
    )


CLUSTERS = {
    name: accelerators(name, devices, **sizes)
    for chip, sizes in _PUBLISHED.items()
    for devices in (1, 8, 16, 32, 64, 128, 256, 512)
    for name in [f"{devices}x {chip}"]
}


def cluster(name: str) -> Machine:
    """A machine of `CLUSTERS` by name, however it is spaced or capitalised.

    Raises:
        ConfigError: there is none of that name; the message says the nearest.
    """
    names = {_plain(known): known for known in CLUSTERS}
    near = difflib.get_close_matches(_plain(name), names, n=1, cutoff=0.4)
    if near != [_plain(name)]:
        do = f"did you mean {names[near[0]]!r}?" if near else f"known: {', '.join(CLUSTERS)}"
        raise ConfigError(explain("machine", expected="a known cluster", got=repr(name), do=do))
    return CLUSTERS[names[near[0]]]


def _plain(name: str) -> str:
    return name.replace(" ", "").lower()
