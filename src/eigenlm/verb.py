"""Packages that are also the act they are named for: `eigenlm.analyze(lm)` beside `eigenlm.analyze.spectra`."""

from types import ModuleType
from typing import Any


class Verb(ModuleType):
    """The class of a package `x` that holds a function `x`; importing the one must not hide the other."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """What the function gives."""
        return getattr(self, self.__name__.rpartition(".")[2])(*arguments, **options)
