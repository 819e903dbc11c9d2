"""What asks for sections of an analysis: `--name` in a shell, `name=` in Python; known without torch."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Option:
    """What a person says to have a section measured.

    Attributes:
        help: one line for the command line's help.
        kind: the type of its value in a shell; a `bool` is a flag.
        metavar: how the help names the value; empty for a flag.
    """

    help: str
    kind: type = bool
    metavar: str = ""


OPTIONS = {
    "curvature": Option(help="Also the loss's curvature: Hessian, Gauss-Newton, KFAC, Jacobians; takes minutes."),
    "senses": Option(
        help='A word in sentences, JSON {"word": ..., "senses": {...}}; with --text, bank by default.',
        kind=Path,
        metavar="PATH",
    ),
}
"""By the name of the section; what is not here is measured where the text or the matrices alone allow it."""
