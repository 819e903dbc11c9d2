"""All that is known of a model: what each section found, and why others found nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eigenlm.analysis import sections
from eigenlm.analysis.spectra import MatrixSpectrum, Spectra
from eigenlm.analysis.stream import Skipped
from eigenlm.config import to_dict
from eigenlm.errors import ConfigError, explain


@dataclass(frozen=True, init=False)
class Analysis:
    """What sections found; each result is an attribute of the section's name, None if it was not measured.

    Attributes:
        results: what was found, by the section's name.
        left_out: sections that were asked for and could not be had, each with the reason.
    """

    results: Mapping[str, Any]
    left_out: Mapping[str, str]

    def __init__(
        self, *, results: Mapping[str, Any] | None = None, left_out: Mapping[str, str] | None = None, **named: Any
    ) -> None:
        """Hold results, given by name: `Analysis(spectra=..., senses=...)`; those that are None are not held."""
        given = {**(results or {}), **named}
        object.__setattr__(self, "results", {name: found for name, found in given.items() if found is not None})
        object.__setattr__(self, "left_out", dict(left_out or {}))

    def __getattr__(self, name: str) -> Any:
        if name in {section.name for section in sections.SECTIONS}:
            return self.results.get(name)
        raise AttributeError(f"an Analysis has no {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(section.name for section in sections.SECTIONS)})

    def __getitem__(self, name: str) -> MatrixSpectrum:
        """The matrix of this name.

        Raises:
            ConfigError: there is none.
        """
        for matrix in self.matrices:
            if matrix.name == name:
                return matrix
        raise ConfigError(explain("analysis", expected="the name of a matrix", got=repr(name)))

    @property
    def matrices(self) -> tuple[MatrixSpectrum, ...]:
        """The matrices with a spectrum, in the model's order."""
        return self._spectra.matrices

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Those without one, each with the reason."""
        return self._spectra.skipped

    def totals(self) -> dict[str, int]:
        """Counts over all matrices, as `Spectra.totals` has them."""
        return self._spectra.totals()

    def to_dict(self, *, singular_values: bool = True) -> dict[str, Any]:
        """Plain JSON values: the matrices, then each other section under its name, null if it was not measured."""
        others = {s.name: self.results.get(s.name) for s in sections.SECTIONS if s.name != "spectra"}
        return {
            **self._spectra.to_dict(singular_values=singular_values),
            **{name: found and to_dict(found) for name, found in others.items()},
            "left_out": dict(self.left_out),
        }

    @property
    def _spectra(self) -> Spectra:
        return self.results.get("spectra") or Spectra()
