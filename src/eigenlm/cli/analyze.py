"""`eigenlm analyze`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from eigenlm.cli.options import Json, Model


@dataclass(frozen=True)
class Analyze:
    """Singular values of every matrix: norms, stable and effective rank, energy, condition; one tensor at a time."""

    model: Model
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Write an interactive report there, one HTML file that needs no network."""
    json: Json = False
