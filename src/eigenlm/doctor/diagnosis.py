"""Everything the doctor knows about a machine, in one value."""

from dataclasses import dataclass

import torch

from eigenlm.doctor.faults import Fault, probe_faults
from eigenlm.doctor.installed import Extra, ModelPackage, look_at_extras, look_at_models
from eigenlm.doctor.machine import Hardware, look_at_machine
from eigenlm.doctor.speed import Speed, measure_speed


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What this machine can do for a model.

    Attributes:
        machine: what there is.
        speeds: measured rates of the processor, then of the first accelerator if there is one.
        faults: of this torch.
        models: that come as packages.
        extras: optional parts of eigenlm.
    """

    machine: Hardware
    speeds: tuple[Speed, ...]
    faults: tuple[Fault, ...]
    models: tuple[ModelPackage, ...]
    extras: tuple[Extra, ...]


def examine(seconds: float = 0.3) -> Diagnosis:
    """Look, measure and probe.

    Args:
        seconds: time for each measured rate, three a device.
    """
    devices = ["cpu"]
    if torch.accelerator.is_available():
        devices.append(str(torch.accelerator.current_accelerator()))
    return Diagnosis(
        machine=look_at_machine(),
        speeds=tuple(measure_speed(device, seconds) for device in devices),
        faults=probe_faults(),
        models=look_at_models(),
        extras=look_at_extras(),
    )
