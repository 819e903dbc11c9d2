"""Everything the doctor knows about a machine, in one value."""

from dataclasses import dataclass
from pathlib import Path

import torch

from eigenlm.doctor.faults import Fault, probe_faults
from eigenlm.doctor.installed import Extra, ModelPackage, look_at_extras, look_at_models
from eigenlm.doctor.machine import Hardware, look_at_machine
from eigenlm.doctor.speed import Speed, measure_speed
from eigenlm.settings import Setting, config_file, settings


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What this machine can do for a model.

    Attributes:
        machine: what there is.
        speeds: measured rates of the processor, then of the first accelerator if there is one.
        faults: of this torch.
        models: that come as packages.
        extras: optional parts of eigenlm.
        settings: defaults, and where each was set.
        config_file: where settings are read from, if it is there.
    """

    machine: Hardware
    speeds: tuple[Speed, ...]
    faults: tuple[Fault, ...]
    models: tuple[ModelPackage, ...]
    extras: tuple[Extra, ...]
    settings: tuple[Setting, ...]
    config_file: Path


def examine(seconds: float = 0.3) -> Diagnosis:
    """Look, measure and probe.

    Args:
        seconds: time for each measured rate, three a device.

    Raises:
        ConfigError: the user's settings cannot be read.
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
        settings=settings(),
        config_file=config_file(),
    )
