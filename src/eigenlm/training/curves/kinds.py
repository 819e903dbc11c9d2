"""What each place that curves go to can do, and how one is opened by its name."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, runtime_checkable

from eigenlm.errors import ConfigError, explain


@runtime_checkable
class Curves(Protocol):
    """A place that curves go to; `curves/NAME.py` has one, and a function `opened(folder, step)` that gives it."""

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Add a point to each of some curves."""

    def text(self, name: str, words: str, step: int) -> None:
        """Add a text."""

    def close(self) -> None:
        """Write what is left."""


def check_curves(names: Iterable[str]) -> None:
    """Refuse a place whose package is not installed.

    Raises:
        ConfigError: the message says how to install it.
    """
    for name in names:
        found = find_spec(name)
        if found is None or found.origin is None:  # wandb leaves a folder of its name, which Python takes for a package
            do = f"run: pip install 'eigenlm[{name}]'"
            raise ConfigError(explain("train.curves", expected=f"{name} to be installed", got="no such package", do=do))


def open_curves(name: str, folder: Path, step: int) -> Curves:
    """Open a place for the curves of a run; only then is its package imported.

    Args:
        name: of the place, as in `train.curves`.
        folder: of the run; its `log.jsonl` ends where the run stands.
        step: at which step that is.

    Raises:
        OSError: it cannot be written.
        ConfigError: a service that does not take the run.
    """
    curves: Curves = import_module(f"eigenlm.training.curves.{name}").opened(folder, step)
    return curves
